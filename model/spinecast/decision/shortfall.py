"""What earlier procedures amount to under a rule, and what is still missing to satisfy it, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from spinecast.decision.profile import Done, Profile, Truth
from spinecast.priors.records import Priors, Procedure, Rule

WEEKS_A_YEAR = 52.0


def selected(selectors: Sequence[str], procedure: Procedure) -> bool:
    """Is the procedure named by any selector?"""
    named = {procedure.id, f"kind:{procedure.kind}", "*"}
    named |= {"invasive"} if procedure.invasive else set()
    named |= {"steroid"} if procedure.steroid else set()
    return not named.isdisjoint(selectors)


def required(rule: Rule, history: Sequence[Done], now: float) -> bool:
    """Enough earlier procedures with the relief that the rule wants; relief that is not recorded does not count."""
    return count_of_good(rule, history, now) >= int(_number(rule.requires, "count", 1))


def count_of_good(rule: Rule, history: Sequence[Done], now: float) -> int:
    """Earlier procedures that a requirement counts."""
    needed, wanted = rule.requires, set(_wanted(rule))
    recent = _number(needed, "within_weeks", math.inf)
    return sum(1 for d in history if d.procedure in wanted and _enough(needed, d) and now + _age(d) <= recent)


def _wanted(rule: Rule) -> Sequence[str]:
    """Procedures, any of which a requirement asks for."""
    names = rule.requires["procedure"]
    return [names] if isinstance(names, str) else list(cast("Sequence[str]", names))


def looked_at(rule: Rule, procedure: Procedure, priors: Priors) -> frozenset[str]:
    """Procedures whose records a rule about the sequence looks at when it is asked about this one."""
    if rule.kind == "requirement":
        return frozenset(_wanted(rule))
    if rule.kind == "schedule":
        return frozenset(p.id for p in priors.procedures.values() if selected(_counted(rule, procedure), p))
    return frozenset()


def broken(rule: Rule, procedure: Procedure, history: Sequence[Done], priors: Priors, now: float) -> Truth:
    """Would one more now break the count or dose in the period, the least interval, or the relief that a repeat asks for?

    None where a date, the relief of the latest one, or a dose decides and is not recorded.
    """
    limit, same = rule.limit, _same(rule, procedure, history, priors)
    if STEROID in limit:
        return _too_much(limit, history, priors, now)
    if not same:
        return False
    crowded = _crowded(limit, [d for d in same if d.weeks_ago is not None], now)
    enough = _enough(limit, min(same, key=_age))
    if crowded or enough is False:
        return True
    return None if enough is None or _crowded(limit, same, now) else False


def _crowded(limit: Mapping[str, object], done: Sequence[Done], now: float) -> bool:
    """Too many in the period, or the last too recent; an undated one as if it were of today."""
    ages = [now + _age(d) for d in done]
    many = sum(a < _number(limit, "weeks", WEEKS_A_YEAR) for a in ages) >= _number(limit, "count", math.inf)
    return many or min(ages, default=math.inf) < _number(limit, "minimum_interval_weeks", 0)


STEROID = "steroid_mg"
"""Limit of the steroid in a period, as milligrams of methylprednisolone."""


def _too_much(limit: Mapping[str, object], history: Sequence[Done], priors: Priors, now: float) -> Truth:
    """Would the next injection pass the dose of the period? None where only a dose that is not recorded can tell."""
    room = _number(limit, STEROID, math.inf) - _number(limit, "next_mg", 0)
    dated = _doses(limit, [d for d in history if d.weeks_ago is not None], priors, now)
    if sum(d for d in dated if d is not None) > room:
        return True
    every = _doses(limit, history, priors, now)
    return None if None in every or sum(d for d in every if d is not None) > room else False


def _doses(limit: Mapping[str, object], history: Sequence[Done], priors: Priors, now: float) -> list[float | None]:
    """Steroid given in the period, as methylprednisolone; a step that a plan supposes has the dose of the next one."""
    recent = [d for d in history if now + _age(d) < _number(limit, "weeks", WEEKS_A_YEAR) and gives_steroid(d, priors)]
    return [_number(limit, "next_mg", 0) if d.supposed else d.steroid_mg for d in recent]


def gives_steroid(done: Done, priors: Priors) -> bool:
    """Was a steroid given: by the kind of procedure, or because one is recorded?"""
    return done.steroid_mg is not None or (done.procedure in priors.procedures and priors.procedures[done.procedure].steroid)


def _same(rule: Rule, procedure: Procedure, history: Sequence[Done], priors: Priors) -> list[Done]:
    """Earlier procedures that a schedule counts together with this one."""
    selectors = _counted(rule, procedure)
    return [d for d in history if d.procedure in priors.procedures and selected(selectors, priors.procedures[d.procedure])]


def _counted(rule: Rule, procedure: Procedure) -> Sequence[str]:
    """Selectors of the procedures that a schedule counts together with this one."""
    return cast("Sequence[str]", rule.limit.get("procedures", [procedure.id]))


def _enough(wanted: Mapping[str, object], done: Done) -> Truth:
    """Did it give the relief that is asked for, as much and as long? None where that is not recorded."""
    asked = ((done.relief_percent, _number(wanted, "relief_percent", 0)), (done.relief_weeks, _number(wanted, "relief_weeks", 0)))
    found = [None if given is None else given >= least for given, least in asked if least > 0]
    if False in found:
        return False
    return None if None in found else True


def _age(done: Done) -> float:
    return 0.0 if done.weeks_ago is None else done.weeks_ago


def _number(table: Mapping[str, object], key: str, default: float) -> float:
    return float(cast("float", table.get(key, default)))


def happened(after: Mapping[str, object], history: Sequence[Done], priors: Priors) -> bool:
    """Were there so many earlier procedures with such an outcome (an `after` table)? What is not recorded does not count."""
    selectors = cast("Sequence[str]", after["procedures"])
    least, most = _number(after, "relief_percent", 0), _number(after, "relief_percent_below", math.inf)
    sooner, recent = _number(after, "relief_weeks_below", math.inf), _number(after, "within_weeks", math.inf)
    found = [
        d
        for d in history
        if d.procedure in priors.procedures
        and selected(selectors, priors.procedures[d.procedure])
        and _age(d) <= recent
        and _between(d.lasting_percent, least, most)
        and (sooner == math.inf or _between(d.relief_weeks, 0, sooner))
    ]
    return len(found) >= int(_number(after, "count", 1))


def _between(value: float | None, least: float, below: float) -> bool:
    return value is not None and least <= value < below


def open_inputs(rule: Rule, profile: Profile) -> tuple[str, ...]:
    """Inputs that the rule asks for and that are not recorded, or left open by soft evidence."""
    return tuple(n for n in rule.unknown if n not in profile.values or isinstance(profile.values[n], frozenset))


def unrecorded(rule: Rule, effect: str, profile: Profile, priors: Priors) -> tuple[str, ...]:
    """What a rule that asks wants to know, in words; nothing for one that does not ask."""
    names = open_inputs(rule, profile) if effect == "ask" else ()
    return tuple(
        f"not recorded: {_name(n, priors)}" if n not in profile.values else f"uncertain: {_name(n, priors)}" for n in names
    )


def _name(key: str, priors: Priors) -> str:
    tables: tuple[Mapping[str, object], ...] = (priors.inputs, priors.contexts, priors.findings)
    return next((str(getattr(table[key], "label", key)) for table in tables if key in table), key)


def missing(rule: Rule, procedure: Procedure, effect: str, profile: Profile, priors: Priors) -> tuple[str, ...]:
    """What is missing today to satisfy a rule about the sequence: procedures, relief, weeks; or what is not recorded."""
    ways = {"requirement": _more_procedures, "schedule": _more_time, "conservative_care": _more_care}
    return tuple(ways[rule.kind](rule, procedure, effect, profile, priors))


def _more_procedures(rule: Rule, procedure: Procedure, effect: str, profile: Profile, priors: Priors) -> Iterator[str]:  # noqa: ARG001
    needed = rule.requires
    wanted = _wanted(rule)
    count = int(_number(needed, "count", 1))
    have = count_of_good(rule, profile.history, 0.0)
    what = " or ".join(priors.procedures[n].label for n in wanted if n in priors.procedures)
    yield f"{what}{_relief_words(needed)}: {have} of {count}"


def _relief_words(table: Mapping[str, object]) -> str:
    percent, weeks = _number(table, "relief_percent", 0), _number(table, "relief_weeks", 0)
    parts = [f"at least {percent:g} % relief"] * (percent > 0) + [f"for {weeks:g} weeks"] * (weeks > 0)
    return f", {' '.join(parts)}" if parts else ""


def _more_time(rule: Rule, procedure: Procedure, effect: str, profile: Profile, priors: Priors) -> Iterator[str]:
    limit, same = rule.limit, _same(rule, procedure, profile.history, priors)
    if effect == "ask":
        yield f"not recorded: {_left_open(limit, same) if profile.history_known else _name('earlier_injections', priors)}"
        return
    if STEROID in limit:
        given = sum(d for d in _doses(limit, profile.history, priors, 0.0) if d is not None)
        period = _number(limit, "weeks", WEEKS_A_YEAR)
        yield f"{given:.0f} mg in {period:g} weeks and {limit['next_mg']:g} with the next; at most {limit[STEROID]:g}"
        return
    ages = sorted(_age(d) for d in same)
    count, weeks = _number(limit, "count", math.inf), _number(limit, "weeks", WEEKS_A_YEAR)
    recent = [a for a in ages if a < weeks]
    if len(recent) >= count:
        yield f"{weeks - recent[int(count) - 1]:.0f} more weeks until fewer than {count:g} lie within {weeks:g}"
    apart = _number(limit, "minimum_interval_weeks", 0)
    if ages[0] < apart:
        yield f"{apart - ages[0]:.0f} more weeks since the last one"
    last = min(same, key=_age)
    if _enough(limit, last) is False:
        had = f"{last.relief_percent:g} %" if last.relief_percent is not None else "not recorded"
        lasted = f" for {last.relief_weeks:g} weeks" if last.relief_weeks is not None else ""
        yield f"the last one gave {had}{lasted}{_relief_words(limit).replace(', ', '; asked for: ')}"


def _left_open(limit: Mapping[str, object], same: Sequence[Done]) -> str:
    """What of the earlier procedures a schedule asks for."""
    if STEROID in limit:
        return "drug, dose and date of each steroid injection"
    undated = any(d.weeks_ago is None for d in same)
    return "when the earlier ones were done" if undated else "relief from the last one, and how long it lasted"


def _more_care(rule: Rule, procedure: Procedure, effect: str, profile: Profile, priors: Priors) -> Iterator[str]:  # noqa: ARG001
    weeks = profile.values.get("conservative_care_weeks")
    if isinstance(weeks, int | float):
        yield f"{(rule.weeks or 0) - weeks:g} more weeks of conservative care ({weeks:g} of {rule.weeks:g})"
    else:
        yield f"not recorded: {_name('conservative_care_weeks', priors)} ({rule.weeks:g} asked for)"
