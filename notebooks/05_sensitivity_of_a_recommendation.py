# %% [markdown]
# # 5. How wrong must a number be before the recommendation changes?
#
# A recommendation rests on hundreds of numbers. Which of them move it, over the interval that was *published* for each and not over a habitual ten per cent, and
# how far is each from changing the first choice?

# %%
import os
from dataclasses import replace

import spinecast
from spinecast.analysis.flip import admissible
from spinecast.analysis.functions import Entry, sensitivity_function
from spinecast.analysis.movable import movable
from spinecast.analysis.one_way import evaluate, one_way
from spinecast.analysis.problem import problem
from spinecast.analysis.two_way import two_way

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "200"))
depth, points = (3, 15) if draws >= 200 else (1, 4)
model = spinecast.load_model()
one = problem(spinecast.examples_folder() / "suitcase.toml", depth=depth, model=model)
numbers = movable(one)
moved = evaluate(numbers)
print(f"{len(numbers.numbers):,} numbers can be moved.")

# %% [markdown]
# ## The diagnosis
#
# Each number at both ends of its published interval; the twenty that move the probability of root pain most. Parameters that were fitted together move together
# (to first order), so that one published figure moves everything that it holds in place.

# %%
diagnosis = one_way(moved, "posterior:radiculopathy")
diagnosis.figure()

# %% [markdown]
# ## The recommendation
#
# The same for the lead of the first choice over the best other. A bar that crosses the dashed zero changes the recommendation.

# %%
lead = one_way(moved, "lead")
replace(lead, charts=tuple(replace(chart, reference=0.0) for chart in lead.charts)).figure()

# %% [markdown]
# ## Distance to a change
#
# For each number, the nearest value at which another permitted option comes first, in spreads of what is known about it. Within 1.96 spreads (dashed) it is inside
# its own 95 % interval.

# %%
deviation = admissible(moved)
deviation.first(10)

# %%
deviation.figure() if deviation.charts else print("Nothing within eight spreads changes the first choice.")

# %% [markdown]
# ## Two at once
#
# The two numbers that move the lead most, together: which option comes first where?

# %%
first, second = lead["id"][:2]
grid = two_way(numbers, first, second, "lead", points=points)
grid.figure()

# %% [markdown]
# ## One entry, exactly
#
# In a Bayesian network a posterior is a ratio of two linear functions of any one entry, so that its whole course is known from two propagations and no interval
# needs to be believed: how often is straight leg raising positive in somebody with none of the model's pains?

# %%
curve = sensitivity_function(one, Entry("straight_leg_raise", "positive"))
curve.figure()

# %%
print("\n".join(curve.notes))

# %% [markdown]
# ## What was learned

# %%
inside = sum(deviation["inside"])
kinds = {}
for kind, within in zip(deviation["kind"], deviation["inside"], strict=True):
    kinds[kind] = kinds.get(kind, 0) + within
print(
    f"Root pain stays between {min(*diagnosis['output_low'], *diagnosis['output_high']):.0%} and {max(*diagnosis['output_low'], *diagnosis['output_high']):.0%} whichever one number is moved."
)
print(
    f"{inside} of {len(numbers.numbers):,} numbers change the first choice within their own interval; of them, by kind: {kinds}."
)
print(
    f"Nearest to a change: {deviation['number'][0]} ({deviation['spreads'][0]:+.1f} spreads; then first: {deviation['then_first'][0]})."
    if len(deviation)
    else ""
)

# %% [markdown]
# * The diagnosis and the recommendation hang on different numbers: the first on findings and prevalence, the second mostly on effects and costs.
# * One at a time understates what several can do together; that is notebook 6.
#
# **What would overturn it.** First order is not exact for large moves: `spinecast sensitivity --confirm 20` refits for the largest. And a structure that is wrong
# (a cause that is missing, an independence that does not hold) is in none of these bars.
