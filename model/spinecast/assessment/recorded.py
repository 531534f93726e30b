"""Contexts, findings and counts as recorded: likelihoods over their values, and where they were."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spinecast.assessment import fields
from spinecast.assessment.fields import UNKNOWN
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Context, Finding, Priors

SIDES = ("left", "right", "bilateral", "midline")
SPINE_LEVELS = ("L1_L2", "L2_L3", "L3_L4", "L4_L5", "L5_S1", "L1", "L2", "L3", "L4", "L5", "S1", "S2")
SEDATION = ("no", "yes", "unknown")
BLOCK = "block"
"""Findings of this kind are what the person reports in numbers; no second examiner looks."""
PUBLISHED, EXACT = "published", "exact"
RELIABILITY = (PUBLISHED, EXACT)
"""How well a finding was recorded: as two examiners agree in print, or (the default) as in the studies behind the numbers."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One finding as recorded: a likelihood over its values, and where it was.

    `kappa` is the agreement of whoever recorded it with the examiners of the studies; None: as good as theirs.
    """

    likelihood: tuple[float, ...]
    value: str = ""
    side: str = ""
    level: str = ""
    sedation: str = "unknown"
    kappa: float | None = None


@dataclass(frozen=True, slots=True)
class PositiveCount:
    """So many of so many tests of a family positive, without saying which."""

    family: str
    tests: tuple[str, ...]
    positive: int


def context(name: str, raw: object, priors: Priors) -> Observation | None:
    """A context by the name of its value, by a number, or as a likelihood; None where it is not known."""
    if name not in priors.contexts:
        raise fields.misplaced("[context]", name, priors) or UnknownIdError("context", name, tuple(priors.contexts))
    if isinstance(raw, str) and raw in UNKNOWN:
        return None
    context = priors.contexts[name]
    if isinstance(raw, str) and raw not in context.values and context.bounds:
        numbers = f"a number from {context.bounds[0]:g} to {context.bounds[-1]:g} {context.unit}".rstrip()
        raise UnknownIdError(f"context.{name}", raw, (*context.values, numbers))
    if fields.is_number(raw):
        return _banded(context, raw)
    if isinstance(raw, dict):
        return _observation(f"context.{name}", raw, context.values)
    return _certain(f"context.{name}", raw, context.values)


def _banded(context: Context, raw: object) -> Observation:
    name = f"context.{context.id}"
    if not context.bounds:
        raise UnknownIdError(name, raw, context.values)
    low, high = context.bounds[0], context.bounds[-1]
    number = fields.number(name, raw, low, high, context.unit)
    index = min(sum(number >= b for b in context.bounds[1:]), len(context.values) - 1)
    return at(context.values, index)


def at(values: Sequence[str], index: int, *, side: str = "", level: str = "", sedation: str = "unknown") -> Observation:
    """A value that is certain, by its place."""
    return Observation(tuple(1.0 if i == index else 0.0 for i in range(len(values))), values[index], side, level, sedation)


def _certain(name: str, raw: object, values: Sequence[str], **where: str) -> Observation:
    """A value by name; true and false where there are two values, false for the absent one of more."""
    if isinstance(raw, bool):
        if raw and len(values) > 2:
            raise InvalidValueError(name, raw, f"one of {', '.join(values)}")
        return at(values, int(raw), **where)
    if not isinstance(raw, str) or raw not in values:
        raise UnknownIdError(name, raw, values)
    return at(values, list(values).index(raw), **where)


def _observation(name: str, raw: dict[str, Any], values: Sequence[str], finding: Finding | None = None) -> Observation:
    allowed = ["value", "likelihood"]
    where: dict[str, str] = {}
    if finding is not None:
        allowed += ["reliability"] * (finding.kind != BLOCK)
        allowed += ["side"] * finding.sided + ["level"] * finding.located + ["sedation"] * (finding.sedation is not None)
    fields.known(name, raw, allowed)
    if "side" in raw:
        where["side"] = fields.choice(f"{name}.side", raw["side"], SIDES)
    if "level" in raw:
        where["level"] = fields.choice(f"{name}.level", raw["level"], SPINE_LEVELS)
    if "sedation" in raw:
        where["sedation"] = fields.choice(f"{name}.sedation", raw["sedation"], SEDATION)
    if ("value" in raw) == ("likelihood" in raw):
        raise MalformedFileError(f"{name}: give either value or likelihood")
    if "value" in raw:
        return _certain(name, raw["value"], values, **where)
    soft = Observation(_soft(f"{name}.likelihood", raw["likelihood"], values))
    return replace(soft, **where)  # type: ignore[arg-type]  # keys are fields that are texts


def reliability_of_all(table: Mapping[str, Any]) -> str:
    """The file's own `reliability`, for every finding with a published agreement that says nothing else."""
    return fields.choice("reliability", table["reliability"], RELIABILITY) if "reliability" in table else EXACT


def _kappa(name: str, raw: object, finding: Finding, priors: Priors) -> float | None:
    """Agreement from "published", "exact" or a number; None: as good as the examiners of the studies."""
    if fields.is_number(raw):
        return fields.number(name, raw, 0, 1, "(kappa)")
    if fields.choice(name, raw, RELIABILITY) == EXACT:
        return None
    if finding.kappa is None:
        known = sorted(f.id for f in priors.findings.values() if f.kappa is not None)
        raise InvalidValueError(
            name, raw, f"a number from 0 to 1 (kappa): none is published for it; for {', '.join(known)} there is"
        )
    return published_kappa(finding, priors)


def published_kappa(finding: Finding, priors: Priors) -> float | None:
    """Agreement between examiners from the finding's rows, not below 0; None where none is known."""
    if finding.kappa is None or finding.kind == BLOCK:
        return None
    return min(max(estimate(finding.kappa, priors.rows, "identity").value, 0.0), 1.0)


def _soft(name: str, raw: object, values: Sequence[str]) -> tuple[float, ...]:
    if not isinstance(raw, dict):
        raise InvalidValueError(name, raw, f"a table with a number from 0 to 1 for each of {', '.join(values)}")
    fields.known(name, raw, values)
    missing = [v for v in values if v not in raw]
    if missing:
        raise InvalidValueError(name, raw, f"a number for every value; {missing[0]} is missing")
    vector = tuple(fields.number(f"{name}.{v}", raw[v], 0, 1) for v in values)
    if not any(vector):
        raise InvalidValueError(name, raw, "at least one value above 0")
    return vector


def findings(
    section: dict[str, Any], priors: Priors, reliability: str
) -> tuple[dict[str, Observation], tuple[PositiveCount, ...]]:
    """Findings and counts of a section; none of the tests of a count is given on its own as well."""
    found: dict[str, Observation] = {}
    counts = []
    for name, raw in section.items():
        if name in priors.findings:
            finding = priors.findings[name]
            if isinstance(raw, str) and raw in UNKNOWN:
                continue
            field_name = f"findings.{name}"
            found[name] = (
                _observation(field_name, raw, finding.values, finding)
                if isinstance(raw, dict)
                else _certain(field_name, raw, finding.values)
            )
            if isinstance(raw, dict) and "reliability" in raw:
                kappa = _kappa(f"{field_name}.reliability", raw["reliability"], finding, priors)
                found[name] = replace(found[name], kappa=kappa)
            elif reliability == PUBLISHED:
                found[name] = replace(found[name], kappa=published_kappa(finding, priors))
        elif name in priors.dependencies:
            counts.append(_count(name, raw, priors))
        else:
            known = (*priors.findings, *priors.dependencies)
            raise fields.misplaced("[findings]", name, priors) or UnknownIdError("findings", name, known)
    for count in counts:
        for test in count.tests:
            if test in found:
                raise InvalidValueError(
                    f"findings.{test}", found[test].value, f"not to be given beside the count of {count.family}"
                )
    return found, tuple(counts)


_COUNT = re.compile(r"\s*(\d{1,3})\s*(?:of|/)\s*(\d{1,3})\s*")
"""A count as people write it: 4 of 5, 4/5."""


def _count(family: str, raw: object, priors: Priors) -> PositiveCount:
    """`family = "3 of 5"` or `{ positive = 3, of = 5 }`: of a battery or of all tests of the family; others are named in `tests`."""
    name = f"findings.{family}"
    members = [f.id for f in priors.findings.values() if f.family == family and len(f.values) == 2]
    batteries = {len(tests): list(tests) for tests in (members, *priors.dependencies[family].batteries)}
    if isinstance(raw, str) and (said := _COUNT.fullmatch(raw)):
        raw = {"positive": int(said[1]), "of": int(said[2])}
    if not isinstance(raw, dict):
        raise InvalidValueError(name, raw, f'a count of positive tests, as in "{min(batteries) - 1} of {min(batteries)}"')
    fields.known(name, raw, ("positive", "of", "tests"))
    of = int(fields.number(f"{name}.of", raw["of"], 1, len(members), "tests")) if "of" in raw else None
    tests = raw.get("tests", batteries.get(of or len(members)))
    if tests is None:
        sets = " or ".join(f"{size} ({', '.join(tests)})" for size, tests in sorted(batteries.items()))
        raise InvalidValueError(f"{name}.of", of, f"{sets}; which other tests it were is said by tests = [...]")
    if not isinstance(tests, list) or not tests:
        raise InvalidValueError(f"{name}.tests", tests, f"a list of {', '.join(members)}")
    for test in tests:
        fields.choice(f"{name}.tests", test, members)
    positive = fields.number(f"{name}.positive", raw.get("positive"), 0, len(tests), f"(of {len(tests)} tests)")
    if positive != int(positive) or (of or len(tests)) != len(set(tests)):
        raise InvalidValueError(name, raw, "whole numbers, and as many different tests as `of` says")
    return PositiveCount(family, tuple(sorted(set(tests))), int(positive))


def from_sides(findings: Mapping[str, Observation], priors: Priors) -> dict[str, Observation]:
    """What the side of a recorded finding tells of others that are not recorded: pain in the left leg is not in both."""
    told = {}
    for finding in priors.findings.values():
        source = findings.get(finding.from_side)
        if source is None or finding.id in findings or source.side not in TELLING:
            continue
        if source.value and source.value != priors.findings[finding.from_side].values[0]:
            told[finding.id] = at(finding.values, TELLING[source.side])
    return told


TELLING = {"left": 0, "right": 0, "bilateral": 1}
"""Sides that say whether something is on both sides, with the value that it then has."""
