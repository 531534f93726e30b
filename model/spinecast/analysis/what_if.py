"""What if a finding were otherwise, or a number of the model? The answer before and after, side by side."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spinecast.analysis.grounds import basis_of, sources_behind
from spinecast.analysis.result import Chart, Column, Result
from spinecast.assessment.assess import Case, prepare
from spinecast.assessment.assessment import Assessment, GeneratorProbability
from spinecast.assessment.model import Model
from spinecast.decision.ranking import RankedAction
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.network.build import with_theta
from spinecast.network.model import Network
from spinecast.parameters.scales import Scale, to_scale
from spinecast.priors.records import Priors

TOP = ("setting", "rule_set", "reliability")
"""What stands outside the sections of a patient file and can be changed."""

MOST_CAUSES = 8
"""Shown in the figure."""

_SPREADS = re.compile(r"([+-]\d+(?:\.\d+)?)\s*sd")


@dataclass(frozen=True, slots=True)
class Change:
    """One assignment `name=value` as it was given."""

    name: str
    value: str

    @classmethod
    def read(cls, text: str) -> Change:
        """From the command line.

        Raises
        ------
        MalformedFileError
            There is no `=` in it.
        """
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise MalformedFileError(f"{text!r}: expected NAME=VALUE, for instance straight_leg_raise=negative")
        return cls(name.strip(), value.strip())

    @property
    def of_parameter(self) -> bool:
        """Names of parameters are paths; ids have no stroke."""
        return "/" in self.name


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer before and after.

    Attributes
    ----------
    causes : Result
        Differential: before, after, change, with intervals.
    options : Result
        Ranking: value and place before and after.
    picture : Result
        Both, one row a time, for the figure.
    """

    before: Assessment
    after: Assessment
    causes: Result
    options: Result
    picture: Result


def what_if(table: Mapping[str, Any], changes: Sequence[str], *, model: Model, **settings: Any) -> WhatIf:
    """Assess a patient as recorded and as changed.

    Parameters
    ----------
    table : mapping
        A patient file's table.
    changes : sequence of str
        `id=value` of a finding, context, input, `setting`, `rule_set` or `reliability`; an empty value or `unknown` takes it
        away. `parameter=value` of a number of the network by its path: on its own scale (probability or ratio), or `+2sd`.
    settings
        As of `spinecast.assess`.

    Raises
    ------
    UnknownIdError, InvalidValueError, MalformedFileError
        A change names nothing that there is, or gives it a value that it cannot have.
    """
    read = [Change.read(text) for text in changes]
    if not read:
        raise InvalidValueError("changes", "none", "at least one NAME=VALUE")
    changed_model, moves = with_parameters(model, [c for c in read if c.of_parameter])
    changed = with_values(table, [c for c in read if not c.of_parameter], model.priors)
    cases = prepare(table, model=model, **settings), prepare(changed, model=changed_model, **settings)
    before, after = (case.assessment() for case in cases)
    said = [f"{c.name} = {c.value or 'unknown'}" for c in read if not c.of_parameter] + moves
    return _compared(cases, before, after, said)


def with_values(table: Mapping[str, Any], changes: Sequence[Change], priors: Priors) -> dict[str, Any]:
    """The patient's table with some of its values replaced or taken away."""
    made = {k: dict(v) if isinstance(v, dict) else v for k, v in table.items()}
    for change in changes:
        section = _section(change.name, priors)
        value = _value(change.value)
        place = made if section == "" else made.setdefault(section, {})
        if value is None:
            place.pop(change.name, None)
        elif isinstance(old := place.get(change.name), dict) and not isinstance(value, dict):
            place[change.name] = {**{k: v for k, v in old.items() if k != "likelihood"}, "value": value}
        else:
            place[change.name] = value
    return made


def _section(name: str, priors: Priors) -> str:
    for section, ids in (("context", priors.contexts), ("findings", priors.findings), ("findings", priors.dependencies),
                         ("inputs", priors.inputs)):  # fmt: skip
        if name in ids:
            return section
    if name in TOP:
        return ""
    raise UnknownIdError("what-if", name, (*priors.findings, *priors.contexts, *priors.inputs, *TOP))


def _value(text: str) -> Any:
    """As TOML would have it (a number, true, a table), or a bare word; None where nothing is known."""
    if text in ("", "unknown"):
        return None
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def with_parameters(model: Model, changes: Sequence[Change]) -> tuple[Model, list[str]]:
    """The model with some numbers moved, in every draw by as much; and what was moved, in words."""
    network = model.network
    place = {p.name: i for i, p in enumerate(network.parameters)}
    shift = np.zeros(len(network.theta))
    words = []
    for change in changes:
        if change.name not in place:
            raise UnknownIdError("parameter", change.name, tuple(place))
        i = place[change.name]
        target = _target(model, i, change)
        shift[i] = target - network.theta[i]
        words.append(f"{change.name}: {natural(network, i, network.theta[i]):.3g} to {natural(network, i, target):.3g}")
    moved = with_theta(network, network.theta + shift)
    return replace(model, network=moved, draws=model.draws + shift), words


def _target(model: Model, index: int, change: Change) -> float:
    """The new value on the parameter's own scale."""
    now = float(model.network.theta[index])
    if spreads := _SPREADS.fullmatch(change.value):
        return now + float(spreads[1]) * float(model.draws[:, index].std())
    scale = scale_of(model.network, index)
    allowed = "a probability above 0 and below 1" if scale == "logit" else "a ratio above 0"
    try:
        number = float(change.value)
    except ValueError:
        raise InvalidValueError(change.name, change.value, f"{allowed}, or a number of spreads such as +2sd") from None
    if not 0 < number < (1 if scale == "logit" else np.inf):
        raise InvalidValueError(change.name, change.value, f"{allowed}, or a number of spreads such as +2sd")
    return to_scale(number, scale)


def scale_of(network: Network, index: int) -> Scale:
    """Logit for exceedances of noisy findings and sedation; log for odds, odds ratios, weights and loadings."""
    for leaf in network.leaves.values():
        if index in leaf.parameters:
            return "logit" if leaf.form == "noisy" else "log"
    return "log"


def natural(network: Network, index: int, value: float) -> float:
    """A parameter as probability or ratio."""
    return float(1 / (1 + np.exp(-value)) if scale_of(network, index) == "logit" else np.exp(value))


def _compared(cases: tuple[Case, Case], before: Assessment, after: Assessment, said: Sequence[str]) -> WhatIf:
    old, new = cases
    title = f"{before.label or 'One patient'}: what if {'; '.join(said)}"
    basis = basis_of(old, changes="; ".join(said))
    names = {*old.evidence.observed, *new.evidence.observed}
    sources = sources_behind(old.model, names, [row.id for row in before.ranking])
    causes = Result("what_if_causes", title, _causes(before, after), basis, sources, (), (INTERVALS,))
    options = Result(
        "what_if_options",
        "What each option would add over waiting",
        _options(before, after),
        basis,
        sources,
        (),
        (_verdict(before, after),),
    )
    picture = Result(
        "what_if",
        f"{before.label or 'One patient'}: before and after the change",
        _long(before, after),
        basis,
        sources,
        PICTURE,
        (_verdict(before, after),),
    )
    return WhatIf(before, after, causes, options, picture)


INTERVALS = "Low and high: 95 % interval after the change, from the same parameter draws as before it."
PICTURE = (Chart("bars", "value", "name", low="low", high="high", by="when", title="Probability of each cause"),)


def _verdict(before: Assessment, after: Assessment) -> str:
    if before.first.id == after.first.id:
        return f"{after.first.label} comes first before and after."
    return f"{before.first.label} came first; after the change {after.first.label} does."


def _causes(before: Assessment, after: Assessment) -> tuple[Column, ...]:
    old = {g.id: g for g in before.differential}
    rows = sorted(after.differential, key=lambda g: -max(g.probability, old[g.id].probability))
    return (
        Column("id", [g.id for g in rows], detail=True),
        Column("cause", [g.label for g in rows]),
        Column("before", [old[g.id].probability for g in rows], "probability"),
        Column("after", [g.probability for g in rows], "probability"),
        Column("low", [g.low for g in rows], "probability"),
        Column("high", [g.high for g in rows], "probability"),
        Column("change", [g.probability - old[g.id].probability for g in rows], "probability"),
    )


def _options(before: Assessment, after: Assessment) -> tuple[Column, ...]:
    unit = before.settings.value_unit
    old: dict[str, tuple[int, RankedAction]] = {r.id: (i, r) for i, r in enumerate(before.ranking, start=1)}
    rows = list(enumerate(after.ranking, start=1))
    return (
        Column("id", [r.id for _, r in rows], detail=True),
        Column("option", [r.label for _, r in rows]),
        Column("place_before", [old[r.id][0] for _, r in rows]),
        Column("place_after", [i for i, _ in rows]),
        Column("before", [old[r.id][1].value for _, r in rows], unit, "value before"),
        Column("after", [r.value for _, r in rows], unit, "value after"),
        Column("change", [r.value - old[r.id][1].value for _, r in rows], unit),
        Column("permitted", [r.permitted for _, r in rows]),
    )


def _long(before: Assessment, after: Assessment) -> tuple[Column, ...]:
    old = {g.id: g for g in before.differential}
    chosen = sorted(after.differential, key=lambda g: -max(g.probability, old[g.id].probability))[:MOST_CAUSES]
    rows: list[tuple[str, str, GeneratorProbability]] = []
    for g in chosen:
        rows += [(g.label, "before", old[g.id]), (f"{g.label}, if", "after", g)]
    return (
        Column("name", [name for name, _, _ in rows]),
        Column("when", [when for _, when, _ in rows]),
        Column("value", [g.probability for _, _, g in rows], "", "probability"),
        Column("low", [g.low for _, _, g in rows], "probability"),
        Column("high", [g.high for _, _, g in rows], "probability"),
    )
