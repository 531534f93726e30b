"""What a clinic's records moved, as tables; and the fit that they give, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinecast.analysis.learning import Learned
from spinecast.analysis.predictive_check import Check
from spinecast.analysis.records import Records
from spinecast.analysis.result import Basis, Cell, Chart, Column, Result, sources_of
from spinecast.analysis.what_if import natural, scale_of
from spinecast.assessment.model import Model
from spinecast.errors import InvalidValueError
from spinecast.network.fitted import Fitted, load, path_of, save
from spinecast.parameters.scales import Z95, Array

MOST_DRAWN = 15
DECIMALS = 6


def in_words(records: Records) -> str:
    """What the numbers were learned from, for the provenance of every later answer."""
    labels = f", {len(records.labels)} labels" if records.labels else ""
    return f"learned from {len(records):,} records of {len(records.observed)} findings{labels}"


def moved_result(model: Model, learned: Learned, records: Records, *, seed: int, choices: dict[str, Cell]) -> Result:
    """Every number that the records say something about, before and after; what moved most first.

    Returns
    -------
    Result
        Columns number, before, after, low, high (95 %), shift (in prior spreads), known (share of the prior variance that the
        records took away).
    """
    network = model.network
    shift = (learned.theta[learned.touched] - network.theta[learned.touched]) / learned.before_sd
    order = np.argsort(-np.abs(shift), kind="stable")
    chosen = learned.touched[order]
    ends = [learned.theta[chosen] + sign * Z95 * learned.after_sd[order] for sign in (-1.0, 1.0)]
    kinds = ["probability" if scale_of(network, int(i)) == "logit" else "ratio" for i in chosen]
    columns = (
        Column("path", [network.parameters[i].name for i in chosen], detail=True),
        Column("number", [in_steps(network.parameters[i].name) for i in chosen]),
        Column("kind", kinds, detail=True),
        *(
            Column(name, [natural(network, int(i), float(v)) for i, v in zip(chosen, values, strict=True)])
            for name, values in (
                ("before", network.theta[chosen]), ("after", learned.theta[chosen]), ("low", ends[0]), ("high", ends[1]),
            )
        ),
        Column("shift", shift[order], "spreads", "shift"),
        Column("known", 1 - (learned.after_sd[order] / learned.before_sd[order]) ** 2, "", "share learned"),
    )  # fmt: skip
    rows = {r for i in chosen for q in [network.parameters[i].quantity] if q is not None for r in q.rows}
    chart = Chart("bars", "shift", "number", title="How far each number moved, in spreads of what was known before", top=MOST_DRAWN,
                  reference=0.0)  # fmt: skip
    gain = learned.log_evidence_after - learned.log_evidence_before
    gained = (
        f"A record is {np.exp(gain):.2f} times as probable as before (mean log score {learned.log_evidence_before:.2f} to "
        f"{learned.log_evidence_after:.2f}, on the records learned from); {learned.steps} steps."
    )
    return Result("learned_numbers", "What the records moved", columns, _basis(model, records, learned, seed, choices),
                  sources_of(model, rows), (chart,), (gained, MEANING))  # fmt: skip


def in_steps(path: str) -> str:
    """A parameter's path for people."""
    return path.replace("/", " > ").replace("_", " ")


MEANING = """Before and after: probabilities (of reaching a value, given the one below it) or ratios, at frailty one in a family. Share
learned: by how much the records narrowed what was known, as variance."""


def generators_result(model: Model, learned: Learned, records: Records, *, seed: int, choices: dict[str, Cell]) -> Result:
    """How common each generator is in each setting of the records, before and after."""
    network = model.network
    settings = sorted({int(k) for k in records.cohort.setting if k >= 0}) or list(range(len(network.settings)))
    rows: list[tuple[str, str, Interval, Interval]] = []
    for k in settings:
        before = _marginals(model, network.theta, model.draws, k)
        after = _marginals(model, learned.theta, learned.draws, k)
        names = [network.generator_labels[g] for g in network.space.generators]
        rows += [(network.settings[k], *row) for row in zip(names, before, after, strict=True)]
    columns = (
        Column("setting", [r[0] for r in rows]),
        Column("generator", [r[1] for r in rows]),
        Column("before", [old for _, _, (old, *_), _ in rows], "probability"),
        Column("before_low", [low for _, _, (_, low, _), _ in rows], "probability", detail=True),
        Column("before_high", [high for _, _, (*_, high), _ in rows], "probability", detail=True),
        Column("after", [new for *_, (new, *_) in rows], "probability"),
        Column("low", [low for *_, (_, low, _) in rows], "probability"),
        Column("high", [high for *_, (*_, high) in rows], "probability"),
    )
    chart = Chart("bars", "after", "generator", low="low", high="high", by="setting", title="How common each cause is, after")
    return Result("learned_generators", "How common each cause is among those who present", columns,
                  _basis(model, records, learned, seed, choices), (), (chart,), ())  # fmt: skip


Interval = tuple[float, float, float]
"""A number and the ends of its 95 % interval."""


def _marginals(model: Model, theta: Array, draws: Array, setting: int) -> list[Interval]:
    """Probability of each generator in a setting."""
    network = model.network
    masks = np.stack([network.space.mask(g) for g in network.space.generators]).T.astype(float)
    low, high = np.quantile(np.exp(network.log_prior(draws, setting)) @ masks, [0.025, 0.975], axis=0)
    centre = np.exp(network.log_prior(theta, setting)) @ masks
    return list(zip(centre.tolist(), low.tolist(), high.tolist(), strict=True))


def check_result(model: Model, found: Check, records: Records, *, seed: int) -> Result:
    """How the records look to the published model: seen and expected shares, the furthest first."""
    labels = {
        **{f.id: f.label for f in model.priors.findings.values()},
        **{c.id: c.label for c in model.priors.contexts.values()},
    }
    rows = found.shares
    columns = (
        Column("id", [s.leaf for s in rows], detail=True),
        Column("finding", [labels.get(s.leaf, s.leaf) for s in rows]),
        Column("value", [s.value.replace("_", " ") for s in rows]),
        Column("people", [s.people for s in rows]),
        Column("seen", [s.seen for s in rows], "probability"),
        Column("expected", [s.expected for s in rows], "probability"),
        Column("low", [s.low for s in rows], "probability"),
        Column("high", [s.high for s in rows], "probability"),
        Column("distance", [s.distance for s in rows], "spreads"),
    )
    whole = (
        f"As a whole: mean log score of a record {found.score:.2f}; {found.expected:.2f} +- {found.spread:.2f} expected of such a "
        f"clinic ({found.distance:+.1f} spreads)."
    )
    basis = Basis.of(model, seed=seed, subject=f"{len(records):,} records")
    return Result("records_check", "How the records look to the published model", columns, basis, (), (), (whole,))


def _basis(model: Model, records: Records, learned: Learned, seed: int, choices: dict[str, Cell]) -> Basis:
    subject = f"{len(records):,} records of {len(records.observed)} findings"
    return Basis.of(model, draws=len(learned.draws), seed=seed, subject=subject, choices=choices)


def check_out(path: Path, model: Model) -> None:
    """Refuse before the work a file that must not be written: one that exists, or one among the published fits.

    Raises
    ------
    InvalidValueError
    """
    if path.suffix != ".npz":
        raise InvalidValueError("--out", str(path), "a name that ends in .npz")
    if path.exists():
        raise InvalidValueError("--out", str(path), "a file that does not exist yet; nothing is overwritten")
    if path.resolve().is_relative_to((model.priors.folder / "fitted").resolve()):
        raise InvalidValueError(
            "--out", str(path), "a file outside the published fit's folder; --fit or SPINECAST_FIT names it later"
        )
    if not path.absolute().parent.is_dir():
        raise InvalidValueError("--out", str(path), "a file in a folder that exists")


def write_fit(path: Path, model: Model, learned: Learned, said: str) -> None:
    """Write what was learned as a fit that `--fit` and SPINECAST_FIT take; complete or not at all."""
    check_out(path, model)
    names: Sequence[str] = [p.name for p in model.network.parameters]
    published = load(path_of(model.priors.folder, model.network.region))
    compiled = published.compiled if published.names == tuple(names) else None
    if compiled is not None:
        compiled = replace(compiled, points=None)  # those are of the published numbers
    theta, draws = np.round(learned.theta, DECIMALS), np.round(learned.draws, DECIMALS)
    save(Fitted(tuple(names), theta, draws, model.fit_hash, model.evidence_share, compiled, said), path)
