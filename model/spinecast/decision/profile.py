"""What the decision layer knows of a person, and three-valued evaluation of rule expressions over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from spinecast.errors import PriorsError
from spinecast.frozen import dataclass
from spinecast.priors import grammar
from spinecast.priors.records import Priors

Truth = bool | None
"""True, False, or None where something that decides it is not known."""


@dataclass(frozen=True, slots=True)
class Done:
    """A procedure done before (or, inside a plan, supposed done); weeks before the assessment.

    `relief_percent` is the best relief, of a block while the anaesthetic lasted; `later_percent` the best later relief,
    where that was followed up, and `relief_weeks` how long it lasted. `steroid_mg` is the steroid given, as methylprednisolone;
    None where the dose is not recorded.
    """

    procedure: str
    weeks_ago: float | None = None
    relief_percent: float | None = None
    relief_weeks: float | None = None
    later_percent: float | None = None
    steroid_mg: float | None = None
    supposed: bool = False

    @property
    def lasting_percent(self) -> float | None:
        """Relief as a treatment: the later one where it was followed up."""
        return self.relief_percent if self.later_percent is None else self.later_percent


@dataclass(frozen=True, slots=True)
class Profile:
    """Known facts by id; an id that is absent is unknown.

    Attributes
    ----------
    values : mapping of context, finding or input id to its value (text, number or tuple of texts; a frozenset of
        texts where soft evidence leaves several values open)
    chances : mapping of unknown context id to {value: probability}
    history : tuple of Done
    usual : mapping of generator to context to {value: probability}
        Who usually has this generator in this setting: the people whose average the published effects are.
    history_known : bool
        Whether earlier procedures were asked about at all; if not, a schedule asks for them.
    numbers : mapping of context id to the number behind a banded value, where one was given
    """

    values: Mapping[str, object] = field(default_factory=dict)
    chances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    history: tuple[Done, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    history_known: bool = True
    usual: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Ordered values of everything that an expression may name."""

    values: Mapping[str, tuple[str, ...]]
    lists: frozenset[str]

    @classmethod
    def of(cls, priors: Priors) -> Vocabulary:
        """Vocabulary of contexts, findings and inputs."""
        tables = (priors.contexts, priors.findings, priors.inputs)
        values = {k: tuple(v.values) for table in tables for k, v in table.items()}
        booleans = {k: ("no", "yes") for k, v in priors.inputs.items() if v.type == "boolean"}
        return cls({**values, **booleans}, frozenset(k for k, v in priors.inputs.items() if v.type == "list"))


def truth(expression: str, profile: Profile, vocabulary: Vocabulary) -> Truth:
    """Is the expression true of this person?

    Raises
    ------
    PriorsError
        It names something that is neither a context, a finding nor an input, or a value that does not exist.
    """
    return _truth(grammar.parse(expression), profile, vocabulary)


def chance(expression: str, profile: Profile, vocabulary: Vocabulary) -> float:
    """Probability that it is true: 1 or 0 where known, from the context's distribution where one context is
    unknown, 0 otherwise (what is not known modifies nothing)."""
    known = truth(expression, profile, vocabulary)
    if known is not None:
        return float(known)
    chances = profile.chances.get(deciding(expression, profile), {})
    return sum(p * supposed(expression, value, profile, vocabulary) for value, p in chances.items())


def deciding(expression: str, profile: Profile) -> str:
    """The one thing that is not known and so leaves the expression open; "" where there are several or none."""
    unknown = [n for n in dict.fromkeys(grammar.names(grammar.parse(expression))) if n not in profile.values]
    return unknown[0] if len(unknown) == 1 else ""


def supposed(expression: str, value: str, profile: Profile, vocabulary: Vocabulary) -> bool:
    """Would it be true if what decides it had this value?"""
    name = deciding(expression, profile)
    return truth(expression, replace(profile, values={**profile.values, name: value}), vocabulary) is True


def _truth(node: grammar.Node, profile: Profile, vocabulary: Vocabulary) -> Truth:
    match node:
        case grammar.Not(part=part):
            inner = _truth(part, profile, vocabulary)
            return None if inner is None else not inner
        case grammar.Join(every=every, parts=parts):
            return _joined([_truth(p, profile, vocabulary) for p in parts], every)
        case grammar.Count(members=members, operator=op, number=number):
            return _counted([_truth(m, profile, vocabulary) for m in members], op, number)
        case grammar.Compare():
            return _compare(node, profile, vocabulary)
        case _:
            raise PriorsError(f"{node}: generators cannot be named in a rule's `when`; use kind = threshold")


def _joined(parts: Sequence[Truth], every: bool) -> Truth:
    if any(p is (not every) for p in parts):
        return not every
    return None if any(p is None for p in parts) else every


def _counted(parts: Sequence[Truth], op: str, number: int) -> Truth:
    least = sum(p is True for p in parts)
    most = least + sum(p is None for p in parts)
    outcomes = {_ordered(n, op, number) for n in range(least, most + 1)}
    return outcomes.pop() if len(outcomes) == 1 else None


def _ordered(left: float, op: str, right: float) -> bool:
    return {
        "==": left == right,
        "!=": left != right,
        ">=": left >= right,
        ">": left > right,
        "<=": left <= right,
        "<": left < right,
    }[op]


def _compare(node: grammar.Compare, profile: Profile, vocabulary: Vocabulary) -> Truth:
    if node.name not in vocabulary.values:
        raise PriorsError(f"{node.name!r} is neither a context, a finding nor an input")
    if node.name not in profile.values:
        return None
    value = profile.values[node.name]
    order = vocabulary.values[node.name]
    if isinstance(value, frozenset):
        # Soft evidence: true or false only where every value that is left open agrees.
        verdicts = {_compare(node, replace(profile, values={**profile.values, node.name: v}), vocabulary) for v in value}
        return verdicts.pop() if len(verdicts) == 1 else None
    if node.name in vocabulary.lists:
        return _listed(node, value, order)
    if node.operator == "present":
        return value != order[0] if order else bool(value)
    if node.operator in ("in", "not_in", "==", "!=") and not isinstance(node.values[0], float):
        _exist(node, order)
        return (value in node.values) is (node.operator in ("in", "=="))
    return _ordered(*_numbers(node, value, profile, order))


def _listed(node: grammar.Compare, value: object, order: tuple[str, ...]) -> bool:
    """Whether any (== and in) or none (!= and not in) of the named values is in the list; bare: any but the first."""
    held = set(value) if isinstance(value, tuple) else {value}
    if node.operator == "present":
        return bool(held - set(order[:1]))
    _exist(node, order)
    return bool(held & set(node.values)) is (node.operator in ("in", "=="))


def _exist(node: grammar.Compare, order: tuple[str, ...]) -> None:
    for wanted in node.values:
        if order and wanted not in order:
            raise PriorsError(f"{node.name} has no value {wanted!r}; allowed: {', '.join(order)}")


def _numbers(node: grammar.Compare, value: object, profile: Profile, order: tuple[str, ...]) -> tuple[float, str, float]:
    right = node.values[0]
    if isinstance(right, float):
        left = profile.numbers.get(node.name, value)
        if not isinstance(left, int | float):
            raise PriorsError(f"{node.name} is compared with a number but holds {value!r}")
        return float(left), node.operator, right
    _exist(node, order)
    return float(order.index(str(value))), node.operator, float(order.index(right))
