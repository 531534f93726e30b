# %% [markdown]
# # 8. How does a finding from a paper get in?
#
# Somebody has read a study of a sign that the model does not know. What has to be written, and what does the sign then do?
#
# The sign and the study here **do not exist**: the heel drop, by Nobody, 2099. Everything happens in a copy of the priors, which is deleted at the end.

# %%
import os
import shutil
import tempfile
from pathlib import Path

import spinecast
from spinecast.analysis.asked import ask, questions
from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.priors.check import check, format_problems
from spinecast.priors.scaffold import new

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "200"))
depth = 3 if draws >= 200 else 1
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name) / "priors"
_ = shutil.copytree(spinecast.priors_folder(), folder)

# %% [markdown]
# ## 1. The source and its figures
#
# One row a printed figure, with the question that it answers: of whom, about what, with which test.

# %%
SOURCE = """
@article{zznobody2099,
  author = {Nobody, N},
  title = {A study that does not exist, for the documentation},
  year = {2099},
  journal = {None},
  url = {https://example.org/none},
}
"""
ROWS = """\
id,source,target,test,given,setting,measure,value,low,high,n,seen_in,confidence,use,reference_standard,population,finding,note
zznobody2099-heel-drop-se,zznobody2099,sacroiliac_joint,heel_drop,,interventional_clinic,sens,0.62,0.48,0.74,52,abstract,moderate,fit,joint block at 75 %,invented,heel drop reproduces buttock pain,
zznobody2099-heel-drop-sp,zznobody2099,sacroiliac_joint,heel_drop,,interventional_clinic,spec,0.71,0.61,0.79,96,abstract,moderate,fit,joint block at 75 %,invented,heel drop reproduces buttock pain,
"""
with (folder / "sources.bib").open("a", encoding="utf-8") as handle:
    handle.write(SOURCE)
_ = (folder / "evidence" / "zz_example.csv").write_text(ROWS, encoding="utf-8")

# %% [markdown]
# ## 2. The finding
#
# `new` writes a commented skeleton (`spinecast new finding heel_drop`). Left as it is, the check says what is missing, with file, line and remedy:

# %%
path = new("finding", "heel_drop", folder)
problems = check(folder)
print(format_problems(problems[:3]).replace(f"{folder.parent}{os.sep}", ""))

# %% [markdown]
# Filled in. Numbers cite rows, or say `assumed`, what that is worth in patients, and why; also for causes that the paper did not look at:

# %%
_ = path.write_text(
    """\
id = "heel_drop"
label = "Heel drop"
region = "lumbosacral"
kind = "exam"
group = "sacroiliac_provocation"
description = "Standing on tiptoe, the person drops onto both heels; familiar buttock pain is reproduced."
form = "noisy_or"
values = ["negative", "positive"]
family = "sacroiliac_provocation"
burden = "exam"

[leak]
positive = { rows = ["zznobody2099-heel-drop-sp"], combine = "complement" }

[[causes]]
generator = "sacroiliac_joint"
positive = { rows = ["zznobody2099-heel-drop-se"] }

[[causes]]
generator = "nociplastic"
positive = { assumed = 0.35, like_n = 10, why = "a jolt hurts a sensitised person anywhere" }
""",
    encoding="utf-8",
)
print(format_problems(check(folder)) or "every law holds")

# %% [markdown]
# ## 3. What the model makes of it
#
# Before a fit the finding stands at its declared numbers. Its rows can be asked at once: does the model, with a leak, competing causes and a family, still answer as the
# paper did? That is why there is a fit: `spinecast fit` would now solve for all parameters again, which takes minutes.

# %%
model = spinecast.load_model(folder)
print("Not fitted yet:", ", ".join(model.unfitted))
rows = [model.priors.rows[f"zznobody2099-heel-drop-{part}"] for part in ("se", "sp")]
ask(model, rows, draws=draws, title="Heel drop, before the fit")

# %% [markdown]
# ## 4. What it does to people
#
# One person with buttock pain in an interventional clinic: without the test, and after each result; and after a thigh thrust was positive already. The two
# belong to one family, so that the second positive test adds less than the first.

# %%
base = {"setting": "interventional_clinic", "findings": {"buttock_dominant_pain": "dominant"}}
thrust = {**base, "findings": {**base["findings"], "thigh_thrust": "positive"}}


def with_drop(patient, value):
    """The same person with a heel drop recorded, or not."""
    return patient if value is None else {**patient, "findings": {**patient["findings"], "heel_drop": value}}


rows = []
for words, patient in (("buttock pain", base), ("and thigh thrust positive", thrust)):
    for value in (None, "negative", "positive"):
        answer = spinecast.assess(with_drop(patient, value), model=model, draws=draws, depth=depth)
        joint = next(g for g in answer.differential if g.id == "sacroiliac_joint")
        rows.append((f"{words}; heel drop {value or 'not done'}", words, joint, answer.first.label))
effect = Result(
    "heel_drop",
    "Probability of sacroiliac joint pain, with an invented sign",
    (
        Column("person", [r[0] for r in rows]),
        Column("start", [r[1] for r in rows], label="known before"),
        Column("joint", [r[2].probability for r in rows], "probability", "sacroiliac joint pain"),
        Column("low", [r[2].low for r in rows], "probability"),
        Column("high", [r[2].high for r in rows], "probability"),
        Column("first", [r[3] for r in rows], label="first choice"),
    ),
    Basis.of(model, draws=draws, subject="an invented sign in a copy of the priors"),
    (),
    (Chart("bars", "joint", "person", "low", "high", by="start"),),
)
effect

# %%
effect.figure()

# %% [markdown]
# The likelihood ratio of the sign alone, and once a thigh thrust is known to be positive:

# %%
asked = [
    {
        "id": name,
        "target": "sacroiliac_joint",
        "test": "heel_drop",
        "given": given,
        "setting": "interventional_clinic",
        "measure": "lr_pos",
    }
    for name, given in (("alone", ""), ("thigh thrust positive", "thigh_thrust"))
]
ratios = ask(model, questions(asked), draws=draws, title="Heel drop positive: likelihood ratio for sacroiliac joint pain")
ratios

# %% [markdown]
# ## What was learned

# %%
alone, after = ratios["model"]
print(f"Alone a positive heel drop multiplies the odds by {alone:.2f}; once a thigh thrust is positive, by {after:.2f}.")
print(f"The paper's own figures give {0.62 / (1 - 0.71):.2f}.")
firsts = list(dict.fromkeys(r[3] for r in rows))
print("The first choice is the same in all six." if len(firsts) == 1 else f"The first choice is one of: {'; '.join(firsts)}.")
temporary.cleanup()

# %% [markdown]
# * A finding is one file and its rows, and no Python. The question on each row lets the model be checked against the paper.
# * A test of a family that is already positive adds less than its paper says, since the paper studied it alone.
#
# **What would overturn it.** The assumed cause: a study of the sign in people with widespread pain would replace the number that is worth ten patients. After the fit, look at
# rows that used to be inside their interval and no longer are; [CONTRIBUTING](../CONTRIBUTING.md) has the way from here to a pull request.
