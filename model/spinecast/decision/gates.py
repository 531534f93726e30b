"""Rules: what flags, defers, blocks or puts an action first. A rule never drops an action; unknown is never clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from spinecast.decision.profile import Done, Profile, Truth, Vocabulary, truth
from spinecast.errors import PriorsError
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Priors, Procedure, Rule

ASK = "ask"
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
        return any(g.effect in ("block", "defer") for g in self.by_action.get(action, ()))


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


def evaluate_gates(
    priors: Priors, profile: Profile, probabilities: Mapping[tuple[str, str], float], rule_set: str
) -> Gates:
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
            if rule.kind in ("requirement", "schedule", "conservative_care") and applies(rule, procedure):
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
    if rule.kind in ("requirement", "schedule", "conservative_care"):
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


def sequence_verdict(
    rule: Rule, procedure: Procedure, history: Sequence[Done], profile: Profile, priors: Priors, *, now: float
) -> str:
    """Effect of a requirement, schedule or conservative-care rule after `history`, `now` weeks from today.

    `weeks_ago` in the history counts back from today; what is supposed done inside a plan has negative values.
    """
    if rule.kind == "requirement":
        return "" if _required(rule, history) else rule.effect
    if rule.kind == "schedule":
        return rule.effect if _too_many(rule, procedure, history, priors, now) else ""
    weeks = profile.values.get("conservative_care_weeks")
    if isinstance(weeks, int | float):
        return "" if weeks + now >= (rule.weeks or 0.0) else rule.effect
    return ASK if now < (rule.weeks or 0.0) else ""


def _required(rule: Rule, history: Sequence[Done]) -> bool:
    """Enough earlier procedures with the relief that the rule wants, and none of them failed since."""
    needed = rule.requires
    relief = float(cast("float", needed.get("relief_percent", 0)))
    names = needed["procedure"]
    wanted = {names} if isinstance(names, str) else set(cast("Sequence[str]", names))
    good = [d for d in history if d.procedure in wanted and (d.relief_percent or 0.0) >= relief]
    return len(good) >= int(cast("int", needed.get("count", 1)))


def _too_many(rule: Rule, procedure: Procedure, history: Sequence[Done], priors: Priors, now: float) -> bool:
    """Would one more now break the count in the period or the least interval? Undated earlier ones count."""
    limit = rule.limit
    selectors = cast("Sequence[str]", limit.get("procedures", [procedure.id]))
    same = [d for d in history if d.procedure in priors.procedures and selected(selectors, priors.procedures[d.procedure])]
    ages = [now + (d.weeks_ago if d.weeks_ago is not None else 0.0) for d in same]
    period = float(cast("float", limit.get("weeks", WEEKS_A_YEAR)))
    if "count" in limit and sum(a < period for a in ages) >= int(cast("int", limit["count"])):
        return True
    return any(a < float(cast("float", limit.get("minimum_interval_weeks", 0))) for a in ages)
