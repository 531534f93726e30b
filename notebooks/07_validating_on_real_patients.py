# %% [markdown]
# # 7. Does it come true?
#
# The only question that counts, and the only one that this notebook cannot answer: **the records here are simulated by the model itself and stand in for yours.** It
# shows the machinery, what right looks like, and what wrong looks like. With your own file, change one line.

# %%
import os
import tempfile
from pathlib import Path

import spinecast
from spinecast.analysis import evaluation
from spinecast.analysis.records import read_records
from spinecast.analysis.simulate import recorded_shares, simulate, write

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "1000"))
people = 1500 if draws >= 1000 else 400
model = spinecast.load_model()
shares = recorded_shares(model.network, model.priors, findings=20)

# %% [markdown]
# ## Records
#
# One row a person; `truth_...` says what it turned out to be, and every other column is a finding, empty where nobody recorded it. `spinecast new records mine.csv`
# writes a header for yours.

# %%
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
write(simulate(model.network, people, "spine_clinic", seed=8, observed=shares), folder / "clinic.csv")
records = read_records(folder / "clinic.csv", model.priors, model.network)  # ← your file
targets = evaluation.targets(model, records)
print(f"{people:,} records, {len(targets)} targets with at least {evaluation.FEWEST} people with it and without it.")

# %% [markdown]
# ## Discrimination, calibration, accuracy
#
# AUC: of two people, how often the one with it has the higher prediction. Intercept 0 and slope 1 are right. Every figure has its interval in
# `summary.frame`.

# %%
summary = evaluation.summary(model, targets)
summary

# %%
chosen = evaluation.chosen(targets, ["radiculopathy", "sacroiliac_joint", "discogenic"])
evaluation.calibration(model, chosen).figure()

# %% [markdown]
# ## Is it good for a decision?
#
# Net benefit of acting on the prediction, beside acting on all and on nobody, by the probability at which somebody would act.

# %%
evaluation.decision_curve(model, evaluation.chosen(targets, ["radiculopathy"])[0]).figure()

# %% [markdown]
# ## What wrong looks like
#
# The same model is told that people came to a spine clinic. In truth they came to a general practice, where other things are common:

# %%
write(simulate(model.network, people, "primary_care", seed=9, observed=shares), folder / "practice.csv")
text = (folder / "practice.csv").read_text(encoding="utf-8").replace("primary_care", "spine_clinic")
_ = (folder / "mislabelled.csv").write_text(text, encoding="utf-8")
wrong = evaluation.targets(model, read_records(folder / "mislabelled.csv", model.priors, model.network))
right = evaluation.targets(model, read_records(folder / "practice.csv", model.priors, model.network))
wrong_summary, right_summary = evaluation.summary(model, wrong), evaluation.summary(model, right)
wrong_summary

# %%
evaluation.calibration(model, evaluation.chosen(wrong, ["radiculopathy", "sacroiliac_joint", "discogenic"])).figure()

# %% [markdown]
# ## What was learned


# %%
def missed(found):
    """Targets whose interval of the intercept does not hold 0."""
    return [
        name
        for name, low, high in zip(found["target"], found["intercept_low"], found["intercept_high"], strict=True)
        if not low <= 0 <= high
    ]


for name, found in (
    ("right setting, spine clinic", summary),
    ("right setting, practice", right_summary),
    ("wrong setting", wrong_summary),
):
    print(
        f"{name}: {len(missed(found))} of {len(found)} targets are off on the whole (interval of the intercept without 0): {'; '.join(missed(found)) or 'none'}"
    )
print(
    f"Discrimination hides it: mean AUC {sum(wrong_summary['auc']) / len(wrong_summary):.2f} with the wrong setting, {sum(right_summary['auc']) / len(right_summary):.2f} with the right one."
)
temporary.cleanup()

# %% [markdown]
# * On its own people a model is calibrated, up to chance: about one interval in twenty misses. That it *is*, shows that the machinery is right, and nothing about the world.
# * A wrong prevalence shows in the calibration and hardly in the AUC. Report both.
#
# **What would overturn it.** Real records. A label is a judgement: a block that set the label must not predict it (`spinecast evaluate --without medial_branch_block_1`).
# And records are not missing at random: who got a scan is not who did not.
