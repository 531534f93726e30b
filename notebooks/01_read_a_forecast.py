# %% [markdown]
# # 1. How is a forecast read?
#
# One person, one forecast. What does each part of it claim, in which unit, compared with what, and how sure is it?
#
# Needs `pip install 'spinecast[notebooks,tables]'`. The text of this notebook is the `.py` file beside it; `make notebooks` runs it again.

# %%
import os

import spinecast
from spinecast.analysis import why
from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.assessment.assess import prepare

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "200"))  # the published intervals rest on 200
model = spinecast.load_model()
patient = spinecast.examples_folder() / "suitcase.toml"
print(patient.read_text(encoding="utf-8"))

# %% [markdown]
# Everything that is not in this file counts as *not observed*, never as absent. No age is given: the forecast is an average over the ages of people
# who look like this, and says so by being less sure.

# %%
answer = spinecast.assess(patient, draws=draws, model=model)
answer

# %% [markdown]
# The same on one sheet:

# %%
answer.figure()

# %% [markdown]
# ## What is it?
#
# The differential is a list of *marginal* probabilities: several sources can be true at once, so they need not add up to 1. The interval is about the
# model's numbers: it says how much the answer moves when every number is redrawn from what is known about it. It says nothing about this
# person being unlike the people who were studied.

# %%
total = sum(g.probability for g in answer.differential)
print(f"The marginals add up to {total:.2f}; {answer.nonspecific:.1%} is left for none of them.")
for one in answer.differential[:3]:
    print(f"{one.label}: {one.probability:.0%} ({one.low:.0%} to {one.high:.0%})")
print("Together:", "; ".join(f"{e.probability:.0%} {e.label}" for e in answer.explanations[:2]))

# %% [markdown]
# ## Why?
#
# Weights of evidence in decibans: ten make the odds ten times, three about double them. Findings of one family, and findings that depend on one context, are
# counted as one group, and the parts add up to the whole exactly.

# %%
case = prepare(patient, model=model)
leading = answer.differential[0].id
weights = why.weight_result(case, [leading])
weights

# %%
weights.figure()

# %% [markdown]
# ## What would each option add?
#
# Every row is a *difference*: the value of the best plan that begins with the option, less that of waiting. The chance of relief stands beside that of its
# control arm, because most people of this kind get better anyway.

# %%
rows = [r for r in answer.ranking if r.permitted][:8]
gain = Result(
    "relief_over_control",
    "Chance of at least half relief at 1 month: the option, and its control",
    (
        Column("option", [r.label for r in rows]),
        Column("with_option", [r.p_relief_4w for r in rows], "probability", "with the option"),
        Column("control", [r.p_relief_4w_control for r in rows], "probability"),
        Column("added", [r.p_relief_4w - r.p_relief_4w_control for r in rows], "probability", "added by the option"),
        Column("value", [r.value for r in rows], answer.settings.value_unit),
        Column("low", [r.low for r in rows], answer.settings.value_unit),
        Column("high", [r.high for r in rows], answer.settings.value_unit),
        Column("p_best", [r.p_best for r in rows], "probability", "nothing is better, share of draws"),
    ),
    Basis.of(model, draws=draws, seed=answer.settings.seed, subject=answer.label),
    answer.provenance.sources,
    (
        Chart("bars", "added", "option", title="Added over the control arm"),
        Chart(
            "bars", "value", "option", "low", "high", title="Value of the best plan that begins here, over waiting", reference=0.0
        ),
    ),
)
gain

# %%
gain.figure()

# %% [markdown]
# ## What was learned
#
# The answer is computed here, so that it changes with the evidence:

# %%
first, second = rows[:2]
sure = first.low > 0
print(f"Leading source: {answer.differential[0].label}, {answer.differential[0].probability:.0%}.")
print(
    f"First choice: {first.label}, {first.value:+,.0f} {answer.settings.value_unit} over waiting ({first.low:+,.0f} to {first.high:+,.0f})."
)
print(f"It is{'' if sure else ' not'} clearly better than waiting, and has the highest value in {first.p_best:.0%} of the draws.")
print(f"The diagnosis is {'surer' if answer.differential[0].low > first.p_best else 'no surer'} than the choice of treatment.")

# %% [markdown]
# * The differential and the ranking are two answers with two uncertainties. A sure diagnosis does not make a sure treatment.
# * "First" means the highest expected value. Whether it is clearly better is in the interval and in the share of draws.
#
# **What would overturn it.** Another setting, since prevalence differs between them (`setting` is not stated here); a finding that was left out
# (`spinecast next` lists which would tell most, and notebook 5 how far each number may be wrong); and a trial that moves the effect of the first two
# options, which is notebook 6.
