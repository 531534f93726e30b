# %% [markdown]
# # 3. What does a scan say at 30, and at 75?
#
# Discs and joints age in people without pain. Does the same line of a report mean the same at every age?

# %%
import os
from dataclasses import replace

import numpy as np

import spinecast
from spinecast import Forecaster
from spinecast.analysis.asked import ask, questions
from spinecast.analysis.result import Basis, Chart, Column, Result

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "200"))
model = spinecast.load_model()
bands = model.network.leaves["age"].values
middle = {"age_18_29": 24, "age_30_39": 35, "age_40_49": 45, "age_50_59": 55, "age_60_64": 62, "age_65_74": 70, "age_75_plus": 80}
findings = {
    "mri_disc_degeneration": "Disc degeneration",
    "mri_facet_arthropathy >= mild": "Facet arthropathy",
    "mri_disc_herniation >= protrusion": "Disc protrusion or more",
    "mri_central_stenosis >= moderate": "Central stenosis, moderate or more",
}

# %% [markdown]
# ## People without pain
#
# How often does a scan of somebody *without pain* show it? The leak of a finding is exactly this, by age; most of it is fitted to one review of 33 studies
# of imaging in people without symptoms (Brinjikji and others, 2015).

# %%
asked = [
    {"id": f"{label}, {band}", "test": test, "given": f"age == {band}", "setting": "pain_free", "measure": "proportion"}
    for test, label in findings.items()
    for band in bands
]
found = ask(model, questions(asked), draws=draws)
names = [label for label in findings.values() for _ in bands]
years = [middle[band] for _ in findings for band in bands]
pain_free = Result(
    "pain_free_by_age",
    "What scans of people without pain show, by age",
    (
        Column("finding", names),
        Column("age", years, "years", "age, middle of the band"),
        Column("share", found["model"], "probability", "share with it"),
        Column("low", found["low"], "probability"),
        Column("high", found["high"], "probability"),
    ),
    found.basis,
    found.sources,
    (Chart("lines", "age", "share", "low", "high", by="finding"),),
)
pain_free.figure()

# %% [markdown]
# Beside the rows that the fit was given, where the review prints a figure for the band:

# %%
rows = [
    r
    for r in model.priors.rows.values()
    if r.source == "brinjikji2015" and r.setting == "pain_free" and r.use == "fit" and r.test in findings
]
beside = ask(model, rows, draws=draws, title="The review's figures, and the model's")
chart = Chart("points", "model", "published", "published_low", "published_high", diagonal=True)
replace(beside, charts=(chart,)).figure()

# %% [markdown]
# ## People with pain
#
# The likelihood ratio of a finding for the structure that it shows, by age: by how much does it multiply the odds? 1 says nothing.

# %%
pairs = {
    ("discogenic", "mri_disc_degeneration"): "Disc degeneration for disc pain",
    ("facet_joint", "mri_facet_arthropathy >= mild"): "Facet arthropathy for facet pain",
    ("radiculopathy", "mri_disc_herniation >= protrusion"): "Protrusion or more for root pain",
    ("central_stenosis", "mri_central_stenosis >= moderate"): "Moderate stenosis for claudication",
}
asked = [
    {
        "id": f"{label}, {band}, {measure}",
        "target": target,
        "test": test,
        "given": f"age == {band}",
        "setting": "spine_clinic",
        "measure": measure,
    }
    for (target, test), label in pairs.items()
    for measure in ("lr_pos", "lr_neg")
    for band in bands
]
ratios = ask(model, questions(asked), draws=draws)
present = [i for i, q in enumerate(asked) if q["measure"] == "lr_pos"]
by_age = Result(
    "ratios_by_age",
    "How much a positive scan multiplies the odds of the structure that it shows",
    (
        Column("pair", [label for label in pairs.values() for _ in bands]),
        Column("age", [middle[band] for _ in pairs for band in bands], "years", "age, middle of the band"),
        Column("ratio", [ratios["model"][i] for i in present], label="likelihood ratio of the finding"),
        Column("low", [ratios["low"][i] for i in present]),
        Column("high", [ratios["high"][i] for i in present]),
    ),
    ratios.basis,
    ratios.sources,
    (Chart("lines", "age", "ratio", "low", "high", by="pair", reference=1.0, log_y=True),),
)
by_age.figure()

# %% [markdown]
# ## One patient at every age
#
# Axial pain in a spine clinic, and a scan with disc degeneration, without it, or no scan. Everything else is not observed. Scored as one table:

# %%
scans = {"degeneration": "present", "no degeneration": "absent", "no scan": None}
table = {
    "setting": ["spine_clinic"] * (len(bands) * len(scans)),
    "age": [middle[band] for _ in scans for band in bands],
    "pain_dominance": ["axial"] * (len(bands) * len(scans)),
    "mri_disc_degeneration": [value for value in scans.values() for _ in bands],
}
scored = Forecaster.load().score(table)
posterior = Result(
    "posterior_by_age",
    "Axial pain: probability of disc pain by age and scan",
    (
        Column("scan", [name for name in scans for _ in bands]),
        Column("age", table["age"], "years", "age, middle of the band"),
        Column("disc_pain", scored.column("p_discogenic").to_pylist(), "probability", "disc pain"),
    ),
    Basis.of(model),
    ratios.sources,
    (Chart("lines", "age", "disc_pain", by="scan"),),
)
posterior.figure()

# %% [markdown]
# ## What was learned

# %%
ratio = np.array(by_age["ratio"]).reshape(len(pairs), len(bands))
absent = np.array([r for r, q in zip(ratios["model"], asked, strict=True) if q["measure"] == "lr_neg"]).reshape(
    len(pairs), len(bands)
)
for label, one, none in zip(pairs.values(), ratio, absent, strict=True):
    print(
        f"{label}: a scan with it multiplies the odds by {one[0]:.1f} under 30, by {one[-1]:.1f} from 75 on; without it, by {none[0]:.2f} and {none[-1]:.2f}"
    )
shift = np.array(posterior["disc_pain"]).reshape(len(scans), len(bands))
print(
    f"A scan with degeneration moves disc pain by {shift[0, 0] - shift[2, 0]:+.3f} under 30 and by {shift[0, -1] - shift[2, -1]:+.3f} from 75 on."
)
print(
    f"A scan without it moves disc pain by {shift[1, 0] - shift[2, 0]:+.3f} under 30 and by {shift[1, -1] - shift[2, -1]:+.3f} from 75 on."
)

# %% [markdown]
# * What is common in people without pain says little in people with it, and all four findings grow more common with age. It follows from one number a band, the leak.
# * A scan *without* a finding keeps saying something at an age at which a scan with it no longer does. It is also the rarer one then.
#
# **What would overturn it.** A study that scans people with and without pain *of the same age* and finds a steeper rise in those with pain. The model adds causes to
# the leak as if they were independent (noisy-OR); if degeneration in a painful disc is another process than ageing, the ratios at high age are too low.
