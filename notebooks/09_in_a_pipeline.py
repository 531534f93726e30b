# %% [markdown]
# # 9. How is it put into a pipeline?
#
# A table of people comes in, a table of forecasts goes out. What does the table look like, what becomes of bad rows, and is the answer the same as one by one?

# %%
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import spinecast
from spinecast import Forecaster
from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.scoring.score_file import score_file

draws = int(os.environ.get("SPINECAST_NOTEBOOK_DRAWS", "1000"))
people = 20_000 if draws >= 1000 else 1_000
model = spinecast.load_model()
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# ## A file of people
#
# Simulated people stand in for yours. Columns are ids of findings and contexts; what is null is not observed. `forecaster.schema_in()` has every column with its
# values and meaning.

# %%
cohort = simulate(
    model.network, people, "spine_clinic", seed=1, observed=recorded_shares(model.network, model.priors, findings=15)
)
columns = {
    name: pa.array([v or None for v in values], pa.string())
    for name, values in to_table(cohort).items()
    if not name.startswith("truth_")
}
table = pa.table({"id": pa.array([f"p{i:05d}" for i in range(people)]), **columns})
pq.write_table(table, folder / "patients.parquet")
print(f"{table.num_rows:,} people, {table.num_columns} columns")

# %% [markdown]
# ## Three lines

# %%
forecaster = Forecaster.load()
scored = forecaster.score(pq.read_table(folder / "patients.parquet"))
pq.write_table(scored, folder / "forecasts.parquet")

# %%
scored.select(["id", "p_radiculopathy", "p_facet_joint", "p_sacroiliac_joint", "p_nonspecific", "log_evidence"]).slice(
    0, 5
).to_pandas().round(3)

# %% [markdown]
# Each column has its meaning and unit in the schema:

# %%
field = scored.schema.field("p_facet_joint")
print(field.name, {k.decode(): v.decode() for k, v in (field.metadata or {}).items()})

# %% [markdown]
# ## Larger than memory, and interrupted
#
# `score_file` reads and writes in chunks. After any end of the process the same call with `resume=True` goes on; `spinecast score` does the same. A bad row does not
# stop the others:

# %%
bad = table.slice(0, 5).set_column(table.column_names.index("id"), "id", pa.array(["good", "bad", "good", "good", "good"]))
where = bad.column_names.index("pain_dominance")
bad = bad.set_column(where, "pain_dominance", pa.array(["axial", "sideways", None, "leg", "axial"]))
pq.write_table(bad, folder / "some.parquet")
done = score_file(forecaster, folder / "some.parquet", folder / "out.parquet")
print(f"{done.scored} scored, {done.rejected} rejected")
print(done.rejects.read_text(encoding="utf-8").strip())

# %%
whole = score_file(forecaster, folder / "patients.parquet", folder / "again.parquet", chunk=4_096, threads=2)
again = pq.read_table(folder / "again.parquet")
probabilities = [name for name in scored.column_names if name.startswith("p_")]
gap = max(float(pc.max(pc.abs(pc.subtract(scored.column(c), again.column(c)))).as_py()) for c in probabilities)
print(f"{whole.scored:,} scored in chunks; largest difference from the table in one piece: {gap:.0e}")

# %% [markdown]
# ## Is it the same answer?
#
# Some people one by one, as `spinecast assess` has them, beside the table:

# %%
recorded = [
    {k: v for k, v in row.items() if v is not None and k not in ("id", "setting")} for row in table.slice(0, 5).to_pylist()
]
differences = []
for row, forecast in zip(recorded, scored.slice(0, 5).to_pylist(), strict=True):
    findings = {
        k: {"value": v, "sedation": row[f"{k}_sedation"]} if f"{k}_sedation" in row else v
        for k, v in row.items()
        if k in model.priors.findings
    }
    contexts = {k: v for k, v in row.items() if k in model.priors.contexts}
    answer = spinecast.assess(
        {"setting": "spine_clinic", "context": contexts, "findings": findings}, model=model, draws=2, depth=1
    )
    differences += [abs(g.probability - forecast[f"p_{g.id}"]) for g in answer.differential]
print(f"largest difference in {len(differences)} probabilities: {max(differences):.0e}")

# %% [markdown]
# ## What a clinic looks like
#
# The forecast of every person for four sources, by how sure it is:

# %%
edges = np.linspace(0, 1, 21)
shown = ["radiculopathy", "facet_joint", "sacroiliac_joint", "nociplastic"]
counts = {g: np.histogram(scored.column(f"p_{g}").to_numpy(), edges)[0] / people for g in shown}
spread = Result(
    "forecasts",
    "How sure the forecasts of a clinic are",
    (
        Column("source", [model.network.generator_labels[g] for g in shown for _ in edges[1:]], label="pain source"),
        Column("probability", np.tile((edges[1:] + edges[:-1]) / 2, len(shown)), label="probability that it is active"),
        Column("share", [100 * share or None for g in shown for share in counts[g]], "%", "share of people"),
    ),
    Basis.of(model, seed=1, subject=f"{people:,} simulated people of a spine clinic, 15 findings each"),
    (),
    (Chart("lines", "probability", "share", by="source", log_y=True),),
)
spread.figure()

# %% [markdown]
# ## What was learned

# %%
surest = np.stack([scored.column(f"p_{g}").to_numpy() for g in model.network.space.generators]).max(axis=0)
print(
    f"One source is at least 80 % probable in {np.mean(surest >= 0.8):.0%} of people, none reaches 50 % in {np.mean(surest < 0.5):.0%}."
)
print(f"A pickled forecaster, as Dask and Spark send it to workers, has {len(pickle.dumps(forecaster)) / 1e6:.1f} MB.")
temporary.cleanup()

# %% [markdown]
# * One function serves a table, a file, Dask and Spark ([how](../docs/how-to/embed-in-dask-and-spark.md)). Nothing about a person is kept or logged.
# * A row that cannot be read is named with its reason and does not stop the rest.
#
# **What would overturn it.** A column that means something else in your records than in `schema_in()` scores without an error. Look at `log_evidence`: people whose findings
# are very improbable under the model are the ones to look at by hand.
