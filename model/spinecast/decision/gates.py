"""Rules: what flags, defers, blocks or puts an action first. A rule never drops an action; unknown is never clear."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from spinecast.decision.profile import Done, Profile, Truth, Vocabulary, truth
from spinecast.errors import PriorsError
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Priors, Procedure, Rule

ASK = "ask"
STOPPING = ("block", "defer")
"""Effects with which an action is not permitted now."""

WEEKS_A_YEAR = 52.0


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule that speaks about one action (or about everything, where `action` is "")."""

    rule: str
    label: str
    kind: str
    effect: str
    message: str
    lift: str
    sources: tuple[str, ...]
    rule_sets: tuple[str, ...]
    action: str = ""


@dataclass(frozen=True, slots=True)
class Gates:
    """Everything that the rules say of one person.

    Attributes
    ----------
    by_action : mapping of action id to its gates
    flags : tuple of Gate
        Rules that speak about the person: syndromes, thresholds, and what to ask.
    first : tuple of str
        Actions that go before everything else.
    """

    by_action: Mapping[str, tuple[Gate, ...]]
    flags: tuple[Gate, ...]
    first: tuple[str, ...]

    def blocked(self, action: str) -> bool:
        """A rule does not permit the action now, or defers it."""
        return any(g.effect in STOPPING for g in self.by_action.get(action, ()))


def rules_in_force(priors: Priors, rule_set: str) -> tuple[Rule, ...]:
    """Safety rules and those of the chosen set."""
    return tuple(r for r in priors.rules.values() if not r.rule_sets or rule_set in r.rule_sets)


def applies(rule: Rule, procedure: Procedure) -> bool:
    """Does the rule speak about this procedure (by id, kind:..., invasive, steroid or *)?"""
    return selected(rule.applies_to, procedure)


def selected(selectors: Sequence[str], procedure: Procedure) -> bool:
    """Is the procedure named by any selector?"""
    named = {procedure.id, f"kind:{procedure.kind}", "*"}
    named |= {"invasive"} if procedure.invasive else set()
    named |= {"steroid"} if procedure.steroid else set()
    return not named.isdisjoint(selectors)


def evaluate_gates(priors: Priors, profile: Profile, probabilities: Mapping[tuple[str, str], float], rule_set: str) -> Gates:
    """Ask every rule in force about this person.

    Parameters
    ----------
    priors : Priors
    profile : Profile
    probabilities : mapping of (generator, level or "") to posterior probability
        "" is the generator at any level.
    rule_set : str
    """
    vocabulary = Vocabulary.of(priors)
    spoken: list[tuple[Rule, str]] = []
    for rule in rules_in_force(priors, rule_set):
        effect = verdict(rule, profile, probabilities, vocabulary, priors)
        if effect:
            spoken.append((rule, effect))
    by_action: dict[str, list[Gate]] = {p: [] for p in priors.procedures}
    for rule, effect in spoken:
        for procedure in priors.procedures.values():
            if applies(rule, procedure):
                by_action[procedure.id].append(_gate(rule, effect, procedure.id))
    for rule in rules_in_force(priors, rule_set):
        for procedure in priors.procedures.values():
            if rule.kind in SEQUENCE and applies(rule, procedure) and speaks(rule, profile, vocabulary):
                state = sequence_verdict(rule, procedure, profile.history, profile, priors, now=0.0)
                if state:
                    by_action[procedure.id].append(_gate(rule, state, procedure.id))
    flags = tuple(_gate(r, e) for r, e in spoken if e == "first" or r.kind in ("syndrome", "threshold"))
    first = tuple(dict.fromkeys(r.first for r, e in spoken if e == "first" and r.first))
    return Gates({k: tuple(v) for k, v in by_action.items()}, flags, first)


def _gate(rule: Rule, effect: str, action: str = "") -> Gate:
    return Gate(rule.id, rule.label, rule.kind, effect, rule.message, rule.lift, rule.sources, rule.rule_sets, action)


def verdict(
    rule: Rule,
    profile: Profile,
    probabilities: Mapping[tuple[str, str], float],
    vocabulary: Vocabulary,
    priors: Priors,
) -> str:
    """Effect of a rule that does not depend on the sequence, or "" where it says nothing.

    An input that the rule lists in `unknown` and that is not recorded gives "ask".
    """
    if rule.kind in SEQUENCE:
        return ""
    if rule.kind == "threshold":
        return rule.effect if _reached(rule, probabilities, priors) else ""
    holds: Truth = True if not rule.when else _safe_truth(rule, profile, vocabulary)
    if holds:
        return rule.effect
    if holds is None and any(name not in profile.values for name in rule.unknown):
        return ASK
    return ""


def _safe_truth(rule: Rule, profile: Profile, vocabulary: Vocabulary) -> Truth:
    try:
        return truth(rule.when, profile, vocabulary)
    except PriorsError as error:
        raise PriorsError(f"rules/{rule.id}.toml: when: {error}") from None


def _reached(rule: Rule, probabilities: Mapping[tuple[str, str], float], priors: Priors) -> bool:
    if rule.probability is None:
        raise PriorsError(f"rules/{rule.id}.toml: a threshold needs a probability")
    limit = estimate(rule.probability, priors.rows, "logit").value
    return probabilities.get((rule.generator, rule.level), 0.0) >= limit


SEQUENCE = ("requirement", "schedule", "conservative_care")
"""Kinds of rule that depend on what was done before and on time, and are asked again along a plan."""


def speaks(rule: Rule, profile: Profile, vocabulary: Vocabulary) -> bool:
    """A rule about the sequence holds unless its `when` is known to be false: an exception has to be on record."""
    return not rule.when or _safe_truth(rule, profile, vocabulary) is not False


def sequence_verdict(
    rule: Rule, procedure: Procedure, history: Sequence[Done], profile: Profile, priors: Priors, *, now: float
) -> str:
    """Effect of a requirement, schedule or conservative-care rule after `history`, `now` weeks from today.

    `weeks_ago` in the history counts back from today; what is supposed done inside a plan has negative values.
    The caller has asked `speaks`.
    """
    if rule.kind == "requirement":
        return "" if _required(rule, history, now) else rule.effect
    if rule.kind == "schedule":
        broken = _broken(rule, procedure, history, priors, now)
        if broken is None or (not broken and not profile.history_known):
            return ASK
        return rule.effect if broken else ""
    weeks = profile.values.get("conservative_care_weeks")
    if isinstance(weeks, int | float):
        return "" if weeks + now >= (rule.weeks or 0.0) else rule.effect
    return ASK if now < (rule.weeks or 0.0) else ""


def permission(priors: Priors, profile: Profile, gates: Gates, rule_set: str) -> Callable[[str, tuple[Done, ...], float], bool]:
    """May an action come next inside a plan, after what the plan did so far and so many weeks from now?

    What a rule blocks for reasons that no step of a plan changes stays blocked; requirements, schedules (a
    minimum interval that only defers included) and weeks of conservative care are asked again with the plan's own
    steps and time. Other deferrals (a blood thinner to be held, a fever) can be lifted by then, and do not block.
    """
    vocabulary = Vocabulary.of(priors)
    blocked = {a for a, found in gates.by_action.items() if any(g.effect == "block" and g.kind not in SEQUENCE for g in found)}
    rules = [
        r
        for r in rules_in_force(priors, rule_set)
        if r.kind in SEQUENCE and r.effect in STOPPING and speaks(r, profile, vocabulary)
    ]
    by_action = {a: [r for r in rules if applies(r, p)] for a, p in priors.procedures.items()}

    def permitted(action: str, done: tuple[Done, ...], now: float) -> bool:
        if action in blocked:
            return False
        history, procedure = (*profile.history, *done), priors.procedures[action]
        return not any(sequence_verdict(r, procedure, history, profile, priors, now=now) in STOPPING for r in by_action[action])

    return permitted


def _required(rule: Rule, history: Sequence[Done], now: float) -> bool:
    """Enough earlier procedures with the relief that the rule wants; relief that is not recorded does not count."""
    needed = rule.requires
    names = needed["procedure"]
    wanted = {names} if isinstance(names, str) else set(cast("Sequence[str]", names))
    recent = _number(needed, "within_weeks", math.inf)
    good = [d for d in history if d.procedure in wanted and _enough(needed, d) and now + _age(d) <= recent]
    return len(good) >= int(_number(needed, "count", 1))


def _broken(rule: Rule, procedure: Procedure, history: Sequence[Done], priors: Priors, now: float) -> Truth:
    """Would one more now break the count in the period, the least interval, or the relief that a repeat asks for?

    Undated earlier ones count as done today. None where the relief of the latest one decides and is not recorded.
    """
    limit = rule.limit
    selectors = cast("Sequence[str]", limit.get("procedures", [procedure.id]))
    same = [d for d in history if d.procedure in priors.procedures and selected(selectors, priors.procedures[d.procedure])]
    if not same:
        return False
    ages = [now + _age(d) for d in same]
    if sum(a < _number(limit, "weeks", WEEKS_A_YEAR) for a in ages) >= _number(limit, "count", math.inf):
        return True
    if min(ages) < _number(limit, "minimum_interval_weeks", 0):
        return True
    enough = _enough(limit, min(same, key=_age))
    return None if enough is None else not enough


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
