"""Scoring at scale, and what its cost grows with: `make bench`, after the engines.

Everything is interleaved and ratios are taken within a repeat. Agreement is asserted before anything is timed. Adds its
rows to results.json beside this file. SPINECAST_BENCH_ROWS sets the length of the long table (a million).
"""

from __future__ import annotations

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy is imported; threads are those of the Forecaster

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa
from results import merge, row

from spinecast.analysis.simulate import recorded_shares, simulate, to_table
from spinecast.assessment.assess import assess, prepare
from spinecast.assessment.model import Model, load_model
from spinecast.engines import exact
from spinecast.engines.batch import BatchEngine, People, decode, products
from spinecast.network.build import build_network
from spinecast.network.model import Network
from spinecast.scoring.encoding import encode_table
from spinecast.scoring.forecaster import Forecaster
from spinecast.scoring.patients import patient_of

SETTING, FINDINGS, SEED = "spine_clinic", 25, 20_240_229
PEOPLE = 4_000
RANKED, ALONE = 2_000, 10
RANKING_WITHIN = 1e-9
LONG = int(os.environ.get("SPINECAST_BENCH_ROWS", "1000000"))
REPEATS = int(os.environ.get("SPINECAST_BENCH_REPEATS", "5"))
WITHIN = 1e-12

Run = Callable[[], object]


def interleaved(runs: dict[str, tuple[Run, int]]) -> dict[str, list[float]]:
    """Seconds of each repeat for each of so many things."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for run, _ in runs.values():
        run()  # tables and buffers are there before the first repeat
    for _ in range(REPEATS):
        for name, (run, count) in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - start) / count)
    return seconds


def softened(network: Network, people: People) -> People:
    """Every fifth person has two findings as likelihoods."""
    generator = np.random.default_rng(SEED)
    codes, soft = people.codes.copy(), []
    for n in range(0, len(people), 5):
        seen = [j for j in np.flatnonzero(codes[n] >= 0).tolist() if list(network.leaves.values())[j].sedation is None]
        for j in generator.choice(seen, 2, replace=False).tolist():
            soft.append((n, j, 0.2 + 0.8 * generator.random(len(list(network.leaves.values())[j].values))))
            codes[n, j] = -1
    return People(codes, people.setting, tuple(soft))


def check(network: Network, engine: BatchEngine, people: People) -> None:
    levels = engine.score(people).levels
    for n in range(20):
        states = exact.posterior(network, network.theta, decode(network, people, n)).states
        worst = np.abs(states @ network.space.active - levels[n]).max()
        if worst > WITHIN:
            raise SystemExit(f"the batch engine differs from the exact one by {worst:.1e} on patient {n}")


def cohort_of(model: Model, network: Network, count: int) -> People:
    return simulate(network, count, SETTING, SEED, observed=recorded_shares(network, model.priors, FINDINGS)).people()


def kinds_of_people(model: Model) -> list[dict[str, object]]:
    network = model.network
    people = cohort_of(model, network, PEOPLE)
    soft = softened(network, people)
    unplaced = People(people.codes, np.full_like(people.setting, -1))
    engine, narrow = BatchEngine(network), BatchEngine(network, dtype="float32")
    for some in (people, soft, unplaced):
        check(network, engine, some)
    few = People(people.codes[:250], people.setting[:250])
    source, target = np.ones(PEOPLE * 2_000), np.empty(PEOPLE * 2_000)
    seconds = interleaved(
        {
            "plain": (lambda: engine.score(people), PEOPLE),
            "soft": (lambda: engine.score(soft), PEOPLE),
            "unplaced": (lambda: engine.score(unplaced), PEOPLE),
            "few": (lambda: engine.score(few), len(few)),
            "float32": (lambda: narrow.score(people), PEOPLE),
            "copy": (lambda: np.copyto(target, source), PEOPLE),
        }
    )
    wide, thin = engine.score(people).levels, narrow.score(people).levels
    error, flips = float(np.abs(wide - thin).max()), int((wide.argmax(axis=1) != thin.argmax(axis=1)).sum())
    unit = "seconds per patient"
    return [
        row("batch / batch with soft evidence in every fifth patient", seconds["plain"], seconds["soft"], unit),
        row("batch / batch without a setting", seconds["plain"], seconds["unplaced"], unit),
        row(f"batch of {PEOPLE} / batch of {len(few)}", seconds["plain"], seconds["few"], unit),
        row("batch in float32 / batch in float64", seconds["float32"], seconds["plain"], unit),
        row("float32: largest error of a probability", [error], [WITHIN], "probability, beside what float64 is held to"),
        row(
            "float32: patients whose most probable level is another (1 stands for none) / all",
            [max(flips, 1.0)],
            [float(PEOPLE)],
            "patients",
        ),
        row("batch / copying 16 kB of memory", seconds["plain"], seconds["copy"], unit),
    ]


def growth_with_states(model: Model) -> list[dict[str, object]]:
    """Two, three and four generators at once; the same people's findings."""
    people = cohort_of(model, model.network, PEOPLE // 4)
    runs: dict[str, tuple[Run, int]] = {}
    size: dict[str, int] = {}
    fitted = dict(zip((p.name for p in model.network.parameters), model.network.theta.tolist(), strict=True))
    for most in (2, 3, 4):
        network = build_network(model.priors, model.network.region, fitted=fitted, max_active=most)
        engine = BatchEngine(network)
        size[str(most)] = len(network.space)
        runs[str(most)] = (lambda engine=engine: engine.score(people), len(people))
    seconds = interleaved(runs)
    return [
        row(
            f"{size[a]:,} states (at most {a} generators) / {size[b]:,} states (at most {b}); states grow {size[b] / size[a]:.1f} times",
            seconds[a], seconds[b], "seconds per patient",
        )
        for a, b in (("2", "3"), ("3", "4"))
    ]  # fmt: skip


def growth_with_findings(model: Model) -> list[dict[str, object]]:
    """The same findings seen, in a model of fifty findings and in one of four hundred."""
    network = model.network
    findings = [b for b in network.blocks.values() if not network.leaves[b.leaves[0]].is_context]
    contexts = {b.id: b for b in network.blocks.values() if network.leaves[b.leaves[0]].is_context}
    kept: dict[str, object] = {}
    count = 0
    for block in sorted(findings, key=lambda b: -len(b.leaves)):
        if count + len(block.leaves) <= 50:
            kept[block.id] = block
            count += len(block.leaves)
    small = part(network, {**contexts, **kept})
    blocks, leaves = dict(small.blocks), dict(small.leaves)
    number = 0
    while count < 400:
        for block in kept.values():
            number += 1
            names = [f"{name}_{number}" for name in block.leaves]
            leaves |= {new: replace(small.leaves[old], id=new) for old, new in zip(block.leaves, names, strict=True)}
            blocks[f"{block.id}_{number}"] = replace(block, id=f"{block.id}_{number}", leaves=tuple(names))
            count += len(names)
    large = replace(network, leaves=leaves, blocks=blocks)
    people = simulate(small, PEOPLE, SETTING, SEED, observed=0.5).people()
    wider = np.full((PEOPLE, len(leaves)), -1, dtype=np.int16)
    wider[:, : people.codes.shape[1]] = people.codes
    same = People(wider, people.setting)
    fifty, many = BatchEngine(small), BatchEngine(large)
    assert np.abs(fifty.score(people).levels - many.score(same).levels).max() < WITHIN
    seconds = interleaved({"50": (lambda: fifty.score(people), PEOPLE), "400": (lambda: many.score(same), PEOPLE)})
    return [row(f"50 findings in the model / {count}, the same seen", seconds["50"], seconds["400"], "seconds per patient")]


def part(network: Network, blocks: dict[str, object]) -> Network:
    names = [name for block in blocks.values() for name in block.leaves]
    return replace(network, blocks=blocks, leaves={name: network.leaves[name] for name in names})


def growth_with_threads(model: Model) -> list[dict[str, object]]:
    """The engine itself, without tables: chunks of people on one thread and on two."""
    people = cohort_of(model, model.network, 4 * PEOPLE)
    parts = [People(people.codes[i : i + 2048], people.setting[i : i + 2048]) for i in range(0, len(people), 2048)]
    engine = BatchEngine(model.network)

    def on_two() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(engine.score, parts))

    seconds = interleaved({"1": (lambda: [engine.score(part_) for part_ in parts], len(people)), "2": (on_two, len(people))})
    return [row("engine on 2 threads / on 1", seconds["2"], seconds["1"], "seconds per patient")]


def growth_with_draws(model: Model) -> list[dict[str, object]]:
    people = cohort_of(model, model.network, 1_000)

    def drawn(count: int) -> Run:
        return lambda: [BatchEngine(model.network, theta).score(people) for theta in model.draws[:count]]

    seconds = interleaved({"1": (drawn(1), 1_000), "4": (drawn(4), 4_000)})
    return [row("1 parameter draw / 4 draws, tables built for each", seconds["1"], seconds["4"], "seconds per patient and draw")]


def long_table(model: Model) -> list[dict[str, object]]:
    """A million rows, one bad in each thousand, on one thread and on two; seconds are beside the thirty that it may take."""
    forecaster = Forecaster.load()
    cohort = simulate(model.network, 10_000, SETTING, SEED, observed=recorded_shares(model.network, model.priors, FINDINGS))
    columns = {k: v for k, v in to_table(cohort).items() if not k.startswith("truth_")}
    columns["age"] = ["140" if n % 1_000 == 500 else age for n, age in enumerate(columns["age"])]
    part_ = pa.table(columns)
    forecaster.score(part_, threads=2)  # buffers of both threads
    table = pa.concat_tables([part_] * max(LONG // 10_000, 1))
    rows = []
    for threads in (2, 1):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        start = time.perf_counter()
        scored = forecaster.score(table, threads=threads)
        seconds = time.perf_counter() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
        done, size = scored.num_rows, scored.nbytes
        bad = done - scored.column("reason").null_count
        assert (done, bad) == (table.num_rows, table.num_rows // 1_000)
        allowed = 30e-6 * 2 / threads
        rows.append(
            row(
                f"{done:,} rows of a table, {threads} thread(s) / 30 s a million on two",
                [seconds / done],
                [allowed],
                "seconds per patient",
            )
        )
        if threads == 2:
            rows.append(row("memory grown while scoring it / size of what comes out", [max(grown, 1.0)], [float(size)], "bytes"))
    return rows


def rankings(model: Model) -> list[dict[str, object]]:
    """One decision ahead for everybody at once: beside the decision problem of each person alone, and beside their differentials."""
    forecaster = Forecaster.load()
    cohort = simulate(model.network, RANKED, SETTING, SEED, observed=recorded_shares(model.network, model.priors, FINDINGS))
    table = pa.table({k: v for k, v in to_table(cohort).items() if not k.startswith("truth_")})
    coded = encode_table(table.combine_chunks().to_batches()[0], forecaster._columns, model.priors, model.network)
    patients = [patient_of(coded, n, model.network) for n in range(ALONE)]
    scored = forecaster.score(table, outputs=["ranking"]).slice(0, ALONE).to_pylist()
    for patient, found in zip(patients, scored, strict=True):
        for name, plan in prepare(patient, depth=1, draws=0, model=model).options().plans.items():
            if abs(found[f"value_{name}"] - plan.value) > RANKING_WITHIN * max(1.0, abs(plan.value)):
                raise SystemExit(f"the value of {name} is {found[f'value_{name}']} and should be {plan.value}")
    seconds = interleaved(
        {
            "table": (lambda: forecaster.score(table, outputs=["ranking"]), RANKED),
            "two": (lambda: forecaster.score(table, outputs=["ranking"], threads=2, chunk=RANKED // 4), RANKED),
            "assess": (lambda: [assess(p, depth=1, draws=1, model=model) for p in patients], ALONE),
            "options": (lambda: [prepare(p, depth=1, draws=0, model=model).options() for p in patients], ALONE),
            "differential": (lambda: forecaster.score(table), RANKED),
        }
    )
    unit = "seconds per patient"
    return [
        row("rankings of a table, one decision ahead / assess", seconds["table"], seconds["assess"], unit),
        row("rankings of a table, one thread / each person's decision problem alone", seconds["table"], seconds["options"], unit),
        row("rankings of a table, two threads / one thread", seconds["two"], seconds["table"], unit),
        row("differentials of a table / rankings of it", seconds["differential"], seconds["table"], unit),
    ]


def main() -> None:
    model = load_model()
    products.LOOPS.compile()
    rows: list[dict[str, object]] = []
    # The long table first: memory is measured by the highest level that the process has reached.
    for measure in (
        long_table,
        kinds_of_people,
        growth_with_states,
        growth_with_findings,
        growth_with_threads,
        growth_with_draws,
        rankings,
    ):
        rows += measure(model)
    merge(rows)


if __name__ == "__main__":
    main()
