"""Rules: what flags, defers, blocks or puts an action first. A rule never drops an action; unknown is never clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from spinecast.decision import shortfall
from spinecast.decision.profile import Done, Profile, Truth, Vocabulary, truth
from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.priors.records import Priors, Procedure, Rule

ASK = "ask"
STOPPING = ("block", "defer")
"""Effects with which an action is not permitted now."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule that speaks about one action (or about everything, where `action` is "").

    Attributes
    ----------
    clause : str
        Document and section that the rule is in.
    missing : tuple of str
        What is missing to satisfy it, in words: inputs not recorded, procedures, weeks. Empty where only `lift` says.
    """

    rule: str
    label: str
    kind: str
    effect: str
    message: str
    lift: str
    sources: tuple[str, ...]
    rule_sets: tuple[str, ...]
    action: str = ""
    clause: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gates:
    """Everything that the rules say of one person.

    Attributes
    ----------
    by_action : mapping of action id to its gates
    flags : tuple of Gate
        Rules that speak about the person: syndromes, thresholds, and what to ask.
    first : tuple of str
        Actions that go before everything else, in this order: what safety puts first, then what the rule set does.
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
    return shortfall.selected(rule.applies_to, procedure)


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
                by_action[procedure.id].append(
                    _gate(rule, effect, procedure.id, shortfall.unrecorded(rule, effect, profile, priors))
                )
    for procedure in priors.procedures.values():
        if already_made(procedure, profile.values):
            by_action[procedure.id].append(_on_record(procedure))
    for rule in rules_in_force(priors, rule_set):
        for procedure in priors.procedures.values():
            if rule.kind in SEQUENCE and applies(rule, procedure) and speaks(rule, profile, vocabulary):
                state = sequence_verdict(rule, procedure, profile.history, profile, priors, now=0.0)
                if state:
                    missing = shortfall.missing(rule, procedure, state, profile, priors)
                    by_action[procedure.id].append(_gate(rule, state, procedure.id, missing))
    flags = tuple(
        _gate(r, e, missing=shortfall.unrecorded(r, e, profile, priors))
        for r, e in spoken
        if e == "first" or r.kind in ("syndrome", "threshold")
    )
    first = tuple(dict.fromkeys(r.first for r in foremost(r for r, e in spoken if e == "first")))
    return Gates({k: tuple(v) for k, v in by_action.items()}, flags, first)


def already_made(procedure: Procedure, recorded: Iterable[str]) -> bool:
    """A test of which any finding is recorded has been made; its findings are named after it (mri_...)."""
    return procedure.kind == "test" and any(name.startswith(f"{procedure.id}_") for name in recorded)


ON_RECORD = "on_record"
"""Kind of the gate of a test that has been made already: no document's rule, but what the record itself says."""


def _on_record(procedure: Procedure) -> Gate:
    message = "What it shows is recorded in part, so it has been made: record what else its report says, present or absent."
    lift = "The picture has changed and the record of the earlier one is taken out."
    return Gate(ON_RECORD, f"{procedure.label} is on record", ON_RECORD, "block", message, lift, (), (), procedure.id)


def _gate(rule: Rule, effect: str, action: str = "", missing: tuple[str, ...] = ()) -> Gate:
    return Gate(
        rule.id,
        rule.label,
        rule.kind,
        effect,
        rule.message,
        rule.lift,
        rule.sources,
        rule.rule_sets,
        action,
        rule.clause,
        missing,
    )


def verdict(
    rule: Rule,
    profile: Profile,
    probabilities: Mapping[tuple[str, str], float],
    vocabulary: Vocabulary,
    priors: Priors,
) -> str:
    """Effect of a rule that does not depend on the sequence, or "" where it says nothing.

    An input that the rule lists in `unknown` and that is not recorded, or that soft evidence leaves open, gives "ask".
    """
    if rule.kind in SEQUENCE:
        return ""
    if rule.kind == "threshold":
        return rule.effect if _reached(rule, probabilities, priors) else ""
    if rule.after and not shortfall.happened(rule.after, profile.history, priors):
        return ""
    holds: Truth = True if not rule.when else _safe_truth(rule, profile, vocabulary)
    if holds:
        return rule.effect
    if holds is None and shortfall.open_inputs(rule, profile):
        return ASK
    return ""


def _safe_truth(rule: Rule, profile: Profile, vocabulary: Vocabulary) -> Truth:
    try:
        return truth(rule.when, profile, vocabulary)
    except PriorsError as error:
        raise PriorsError(f"rules/{rule.id}.toml: when: {error}") from None


def _reached(rule: Rule, probabilities: Mapping[tuple[str, str], float], priors: Priors) -> bool:
    return probabilities.get((rule.generator, rule.level), 0.0) >= limit_of(rule, priors)


def limit_of(rule: Rule, priors: Priors) -> float:
    """Probability from which on a threshold speaks."""
    if rule.probability is None:
        raise PriorsError(f"rules/{rule.id}.toml: a threshold needs a probability")
    return estimate(rule.probability, priors.rows, "logit").value


def foremost(rules: Iterable[Rule]) -> list[Rule]:
    """Rules that put an action first, in their order: safety before what a rule set does; an emergency is never second to a referral."""
    return sorted((r for r in rules if r.effect == "first" and r.first), key=lambda r: bool(r.rule_sets))


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
        return "" if shortfall.required(rule, history, now) else rule.effect
    if rule.kind == "schedule":
        broken = shortfall.broken(rule, procedure, history, priors, now)
        if broken is None or (not broken and not profile.history_known):
            return ASK
        return rule.effect if broken else ""
    weeks = profile.values.get("conservative_care_weeks")
    if isinstance(weeks, int | float):
        return "" if weeks + now >= (rule.weeks or 0.0) else rule.effect
    return ASK if now < (rule.weeks or 0.0) else ""


def permission(
    priors: Priors, profile: Profile, gates: Gates, rule_set: str, *, sequences: bool = False
) -> Callable[[str, tuple[Done, ...], float], bool]:
    """May an action come next inside a plan, after what the plan did so far and so many weeks from now?

    What a rule blocks for reasons that no step of a plan changes stays blocked; requirements, schedules (a
    minimum interval that only defers included) and weeks of conservative care are asked again with the plan's own
    steps and time. Other deferrals (a blood thinner to be held, a fever) can be lifted by then, and do not block.

    In whole sequences a procedure's own `repeat_rule` (three steroid injections in a region a year) holds wherever no
    schedule of the rule set in force speaks about the procedure.
    """
    vocabulary = Vocabulary.of(priors)
    blocked = {a for a, found in gates.by_action.items() if any(g.effect == "block" and g.kind not in SEQUENCE for g in found)}
    rules = [
        r
        for r in rules_in_force(priors, rule_set)
        if r.kind in SEQUENCE and r.effect in STOPPING and speaks(r, profile, vocabulary)
    ]
    by_action = {a: [r for r in rules if applies(r, p)] for a, p in priors.procedures.items()}
    for a, p in priors.procedures.items():
        if sequences and p.repeat_rule and all(r.kind != "schedule" for r in by_action[a]):
            by_action[a].append(priors.rules[p.repeat_rule])

    def permitted(action: str, done: tuple[Done, ...], now: float) -> bool:
        if action in blocked:
            return False
        history, procedure = (*profile.history, *done), priors.procedures[action]
        return not any(sequence_verdict(r, procedure, history, profile, priors, now=now) in STOPPING for r in by_action[action])

    return permitted
