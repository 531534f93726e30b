"""What the rules permit many people: every rule is asked once for all who are alike in what it looks at, by the code of `gates`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

import numpy as np
import numpy.typing as npt

from spinecast.decision import shortfall
from spinecast.decision.facts import Facts, Ints
from spinecast.decision.gates import (
    SEQUENCE,
    STOPPING,
    already_made,
    applies,
    foremost,
    limit_of,
    rules_in_force,
    sequence_verdict,
    speaks,
    verdict,
)
from spinecast.decision.profile import Done, Profile, Vocabulary
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array
from spinecast.priors import grammar
from spinecast.priors.records import Priors, Procedure, Rule

Bools = npt.NDArray[np.bool_]
CARE = "conservative_care_weeks"


@dataclass(frozen=True, slots=True)
class Rulings:
    """What the rules say about A actions for N people.

    Attributes
    ----------
    blocked : ndarray of bool, shape (N, A)
        A rule does not permit the action now, or defers it.
    never : ndarray of bool, shape (N, A)
        Blocked for reasons that no step of a plan changes.
    place : ndarray of int, shape (N, A)
        Where the action stands among those that go before everything else; the same largest number for all others.
    """

    priors: Priors
    procedures: tuple[Procedure, ...]
    facts: Facts
    blocked: Bools
    never: Bools
    place: Ints
    sequence: tuple[_Sequence, ...]
    _answers: dict[tuple[object, ...], Bools] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        priors: Priors,
        procedures: Sequence[Procedure],
        facts: Facts,
        probabilities: Mapping[tuple[str, str], Array],
        rule_set: str,
    ) -> Rulings:
        """Ask every rule in force that can stop an action or put it first.

        Parameters
        ----------
        probabilities : mapping of (generator, level or "") to ndarray, shape (N,)
        """
        rules = rules_in_force(priors, rule_set)
        shape = (facts.count, len(procedures))
        blocked, never = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for rule in rules:
            if rule.kind not in SEQUENCE and rule.effect in STOPPING:
                chosen = np.array([applies(rule, p) for p in procedures])
                says = _says(rule, facts, probabilities, priors)
                blocked[np.ix_(says, chosen)] = True
                if rule.effect == "block":
                    never[np.ix_(says, chosen)] = True
        for a, procedure in enumerate(procedures):
            for name, fact in facts.known.items():
                if already_made(procedure, [name]):
                    blocked[fact.codes >= 0, a] = never[fact.codes >= 0, a] = True
        sequence = tuple(_sequences(rules, procedures, facts, priors))
        found = cls(
            priors, tuple(procedures), facts, blocked, never, _places(rules, procedures, facts, probabilities, priors), sequence
        )
        blocked |= found.denied(None, np.zeros(len(procedures)))
        return found

    def denied(self, done: Done | None, start: Array) -> Bools:
        """Which actions a rule about the sequence forbids from `start` weeks (A,) on, after one step of a plan; shape (N, A)."""
        found = np.zeros(self.blocked.shape, dtype=bool)
        for number, one in enumerate(self.sequence):
            now = float(start[one.action])
            step = (done,) if done is not None and done.procedure in one.looked_at else ()
            key = (number, now, step)
            if key not in self._answers:
                self._answers[key] = one.stops(step, now, self.facts.count, self.priors)
            found[:, one.action] |= self._answers[key]
        return found

    def may_follow(self, done: Done, start: Array) -> Bools:
        """The array form of `gates.permission`; shape (N, A)."""
        return ~(self.never | self.denied(done, start))


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One rule about the sequence and one action that it applies to."""

    rule: Rule
    procedure: Procedure
    action: int
    looked_at: frozenset[str]
    people: tuple[tuple[Ints, Profile], ...]

    def stops(self, step: tuple[Done, ...], now: float, count: int, priors: Priors) -> Bools:
        """Whom it does not let begin the action `now` weeks from today, after what was done and one further step; (N,)."""
        stopped = np.zeros(count, dtype=bool)
        for who, profile in self.people:
            history = (*profile.history, *step)
            stopped[who] = sequence_verdict(self.rule, self.procedure, history, profile, priors, now=now) in STOPPING
        return stopped


def _sequences(rules: Sequence[Rule], procedures: Sequence[Procedure], facts: Facts, priors: Priors) -> Iterator[_Sequence]:
    vocabulary = Vocabulary.of(priors)
    for rule in rules:
        if rule.kind not in SEQUENCE or rule.effect not in STOPPING:
            continue
        names = [*_names(rule.when), *([CARE] if rule.kind == "conservative_care" else [])]
        for a, procedure in enumerate(procedures):
            if applies(rule, procedure):
                looked_at = shortfall.looked_at(rule, procedure, priors)
                alike = facts.patterns(names, looked_at)
                people = tuple((who, one) for who, one in alike if speaks(rule, one, vocabulary))
                yield _Sequence(rule, procedure, a, looked_at, people)


def _says(rule: Rule, facts: Facts, probabilities: Mapping[tuple[str, str], Array], priors: Priors) -> Bools:
    """Of whom the rule says what its effect is (and does not only ask); (N,)."""
    if rule.kind == "threshold":
        reached: Bools = probabilities.get((rule.generator, rule.level), np.zeros(facts.count)) >= limit_of(rule, priors)
        return reached
    vocabulary = Vocabulary.of(priors)
    says = np.zeros(facts.count, dtype=bool)
    for who, profile in facts.patterns([*_names(rule.when), *rule.unknown], None if rule.after else ()):
        says[who] = verdict(rule, profile, {}, vocabulary, priors) == rule.effect
    return says


def _places(
    rules: Sequence[Rule],
    procedures: Sequence[Procedure],
    facts: Facts,
    probabilities: Mapping[tuple[str, str], Array],
    priors: Priors,
) -> Ints:
    """`Rulings.place`."""
    first = foremost(rules)
    place = np.full((facts.count, len(procedures)), len(first))
    index = {p.id: a for a, p in enumerate(procedures)}
    for number, rule in reversed(list(enumerate(first))):
        if rule.first in index:
            place[_says(rule, facts, probabilities, priors), index[rule.first]] = number
    return place


def _names(expression: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(grammar.names(grammar.parse(expression)))) if expression else ()
