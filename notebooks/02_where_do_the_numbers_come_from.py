# %% [markdown]
# # 2. Where do the numbers come from?
#
# A forecast is as good as what it rests on. Which published figures stand behind one number, how does the whole model answer the questions of the papers,
# and how much of one answer rests on assumptions?

# %%
import os

import spinecast
from spinecast.analysis.asked import ask
from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.analysis.validate import validate
from spinecast.priors.show import show

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "200"))
model = spinecast.load_model()
priors = model.priors

# %% [markdown]
# ## One finding, down to its rows
#
# No clinical number stands in Python. Each is in `priors/`, and either cites rows of published figures or says that it is assumed, why, and how many
# patients the assumption is worth. This is what `spinecast priors show thigh_thrust` prints:

# %%
print(show(priors, "thigh_thrust"))

# %% [markdown]
# ## The same finding, asked of the model
#
# A row also carries the *question* that it answers: of whom, about what, with which test. Parameters are fitted so that the model answers all questions together,
# so it need not repeat any one paper. Its answers with intervals, beside what was printed:

# %%
cited = [
    row
    for row in priors.rows.values()
    if row.test == "thigh_thrust" and row.use in ("fit", "holdout") and row.measure in ("sens", "spec")
]
answers = ask(model, cited, draws=draws, title="Thigh thrust: what papers found, and what the model answers")
answers

# %%
parts = {"published": ("published", "published_low", "published_high"), "model": ("model", "low", "high")}
pairs = [(i, who) for i in range(len(answers)) for who in parts]
thrust = Result(
    "thigh_thrust",
    answers.title,
    (
        Column("what", [f"{answers['id'][i]}: {who}" for i, who in pairs]),
        Column("who", [who for _, who in pairs], label="answer"),
        *(
            Column(name, [answers[parts[who][k]][i] for i, who in pairs], "probability")
            for k, name in enumerate(("share", "low", "high"))
        ),
    ),
    answers.basis,
    answers.sources,
    (Chart("bars", "share", "what", "low", "high", by="who"),),
    ("Names end in the measure: se, sensitivity; sp, specificity; lo and hi, the ends of a range that was printed.",),
)
thrust.figure()

# %% [markdown]
# ## All questions
#
# Fitted rows show whether the fit holds together. Rows that were set aside before fitting show whether it is right; among them are results of several
# findings together, which single-finding figures cannot give.

# %%
PROPORTIONS = ("sens", "spec", "ppv", "npv", "proportion", "prevalence")
groups = {"fitted": "fit", "held out": "holdout"}
asked = {name: validate(model.network, priors, [r for r in priors.rows.values() if r.use == use]) for name, use in groups.items()}
shown = [(name, row) for name, found in asked.items() for row in found.rows if row.measure in PROPORTIONS]
overview = Result(
    "published_and_model",
    "Every published proportion, and the model's answer about the same population",
    (
        Column("question", [r.id for _, r in shown]),
        Column("group", [name for name, _ in shown]),
        Column("model", [r.model for _, r in shown], "probability", "the model's answer"),
        Column("published", [r.published for _, r in shown], "probability"),
    ),
    Basis.of(model),
    tuple(s for _, r in shown for s in r.sources),
    (Chart("points", "model", "published", by="group", diagonal=True),),
    ("Rows that ask the same are pooled. Likelihood and odds ratios are in the counts below, and not in the figure.",),
)
overview.figure()

# %%
for name, found in asked.items():
    total = len(found.rows)
    inside = sum(r.inside for r in found.rows)
    print(f"{name}: {inside} of {total} answers ({inside / total:.0%}) lie inside the published interval")

# %% [markdown]
# The furthest misses among those that nobody fitted to. They are findings about the model, and are not tuned away:

# %%
misses = sorted(
    (r for r in asked["held out"].rows if not r.inside), key=lambda r: -abs(r.model - r.published) / max(r.high - r.low, 1e-9)
)
for row in misses[:5]:
    print(f"{row.id} ({row.measure}): published {row.published:.2f} ({row.low:.2f} to {row.high:.2f}), model {row.model:.2f}")

# %% [markdown]
# ## What one answer rests on

# %%
answer = spinecast.assess(spinecast.examples_folder() / "suitcase.toml", draws=draws, model=model)
held = answer.provenance
leaning = Result(
    "leans_on",
    "The assumptions that the leading diagnosis leans on most",
    (
        Column("number", [name.replace("/", ", ").replace("_", " ") for name, _ in held.assumed]),
        Column("share", [100 * share for _, share in held.assumed], "%", "share of what moves the leading diagnosis"),
    ),
    Basis.of(model, draws=draws, subject=answer.label),
    held.sources,
    (Chart("bars", "share", "number"),),
)
leaning.figure()

# %% [markdown]
# Exactly the sources behind an answer can be printed as BibTeX (`spinecast cite` for files). The first of them:

# %%
entries = leaning.cite(priors.folder).strip().split("\n\n")
print("\n\n".join(entries[:2]))

# %% [markdown]
# ## What was learned

# %%
print(
    f"{held.share_from_evidence:.0%} of what moves the leading diagnosis rests on published figures, from {len(held.sources)} sources."
)
held_out = asked["held out"].rows
print(
    f"Of {len(held_out)} questions that nobody fitted to, {sum(r.inside for r in held_out) / len(held_out):.0%} are answered inside their interval."
)

# %% [markdown]
# * A number can be traced to a row, and the row says where somebody saw the figure: full text, abstract, or second hand.
# * Being fitted is no proof: the share inside among held-out rows is the one to quote.
#
# **What would overturn it.** Held-out rows that miss on one side for one kind of question (all from primary care, say) would show a wrong structure and not a wrong
# number. `spinecast validate --rows yours.csv` asks it your own.
