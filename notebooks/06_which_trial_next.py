# %% [markdown]
# # 6. Which trial next?
#
# Every number is uncertain at once. How sure is the choice then, what would it be worth to know more, and which study would tell?

# %%
import os

import spinecast
from spinecast.analysis import psa
from spinecast.analysis.information import trial, value_of_information
from spinecast.analysis.population import offered, population
from spinecast.analysis.problem import problem

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "2000"))
depth, people = (3, 200) if draws >= 1000 else (1, 20)
model = spinecast.load_model()
one = problem(spinecast.examples_folder() / "suitcase.toml", depth=depth, model=model)
run = psa.psa(one, draws)

# %% [markdown]
# ## One person, all numbers drawn
#
# Numbers of the network are drawn jointly from the fit, so that every draw keeps to what the published figures say together. Outcomes are drawn with common
# random numbers: a draw that is kind to one injection is as kind to the next.

# %%
options = psa.actions(run)
options.first(8)

# %%
options.figure()

# %% [markdown]
# Have the draws settled?

# %%
settled = psa.convergence(run)
print("\n".join(settled.notes))

# %% [markdown]
# ## By willingness to pay
#
# The chance that each option is the best, by what a quality-adjusted year is worth. The frontier follows the option with the highest *expected* value, which need not be
# the one that is most often best.

# %%
psa.acceptability(run).figure()

# %% [markdown]
# ## What would be worth knowing
#
# EVPI: the gain if everything were known before the choice. EVPPI: if only that group of numbers were. A value that is not above its error cannot be told
# from nothing.

# %%
groups = value_of_information(run)
groups

# %%
groups.figure()

# %% [markdown]
# By study: if one of the papers behind the numbers were done again without limit, which would help this decision most?

# %%
studies = value_of_information(run, "source")
studies.first(12).figure()

# %% [markdown]
# ## One trial, by its size
#
# A two-arm trial of the transforaminal epidural against its control, in root pain, with half relief at three months as its outcome. The last column is for
# 100,000 such decisions a year, over five years:

# %%
permitted = [a for a, allowed in zip(one.actions, one.permitted, strict=True) if allowed]
means = dict(zip(options["id"], options["mean"], strict=True))
candidate = "transforaminal_epidural"
sizes = trial(run, candidate, (25, 50, 100, 200, 400, 800), per_year=100_000)
sizes

# %%
sizes.figure()

# %% [markdown]
# ## Everybody
#
# One person is one decision. Over a simulated cohort of a spine clinic, each valued one decision ahead: who would be offered what, and what would be worth knowing?

# %%
cohort = population(model, people, draws=min(draws, 1000))
offered(cohort).figure()

# %%
information = value_of_information(cohort)
information.figure()

# %% [markdown]
# ## What was learned

# %%
best = max(permitted, key=means.get)
label = dict(zip(options["id"], options["label"], strict=True))[best]
chance = dict(zip(options["id"], options["p_best"], strict=True))[best]
unit = one.settings.value_unit
print(f"Highest expected value: {label}; it is best in {chance:.0%} of {draws:,} draws.")
print(f"Knowing everything would be worth {groups['value'][0]:,.0f} {unit} for this decision.")
telling = [n for n, v, e in zip(groups["name"][1:], groups["value"][1:], groups["se"][1:], strict=True) if v > 2 * e]
print("Groups worth more than twice their error:", "; ".join(telling) or "none")
largest = len(sizes) - 1
print(
    f"A trial with {sizes['n'][largest]} an arm is worth {sizes['value'][largest]:,.0f} ± {sizes['se'][largest]:,.0f} {unit} a decision; without limit {sizes['limit'][largest]:,.0f}."
)
print(f"Over the cohort the most telling group is: {information['name'][1]} ({information['value'][1]:,.0f} {unit} a person).")

# %% [markdown]
# * The next trial is where uncertainty *and* a choice that hangs on it meet, and not where the interval is widest.
# * The value for one patient and for a clinic can point to different studies.
#
# **What would overturn it.** The simulated cohort is the model's own population: people who are referred to you may hang on other numbers. Plans are kept while
# numbers move, so values are lower bounds. And what is not in the model (a new procedure, adherence) has no value here, whatever it is worth.
