"""What to ask or test next, alone and together, for one person.

Alone, every open question is valued (exact). Together, the best pair is found among all pairs, and the best triple among a
stated short list; beyond that the set grows by the question that adds most (greedy). Greedy can miss: two answers
may be worth something only together, which is why small sets are searched in full and every row says how it was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from spinecast.analysis.grounds import basis_of, sources_behind
from spinecast.analysis.result import Chart, Column, Result
from spinecast.assessment.asking import DECIMALS, Asking, Worth, entropy
from spinecast.assessment.assess import Case
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.frozen import dataclass
from spinecast.network.states import Ints
from spinecast.parameters.scales import Array

VALUE, BITS = "value", "bits"
AIMS = (VALUE, BITS)
SHORT_LIST = 16
"""Questions among which triples are searched in full: the best alone and the best together with the best pair."""

MOST_DRAWN = 12
"""Questions in the figure."""

MOST_TOGETHER = 6
"""A set of so many answers of two values each has 64 joint answers, of four values 4,096."""

ALL_SETS, SHORT_LISTED, GREEDY = "all pairs", "all triples of a short list", "greedy"


def next_tests(case: Case, *, aim: str = VALUE, asking: Asking | None = None) -> Result:
    """Every open question, best first.

    Parameters
    ----------
    case : Case
        From `spinecast.assessment.assess.prepare`.
    aim : {"value", "bits"}
        Order by net decision value, then bits; or by bits.
    asking : Asking, optional
        From `asking_of`, if it is there already.

    Returns
    -------
    Result
        Columns id, label, kind, value, gain, cost, bits, changes.
    """
    order = _order(aim)
    asking = asking or asking_of(case)
    found = [(q, asking.worth((q.id,))) for q in asking.questions.values()]
    found.sort(key=lambda item: (*order(item[1]), item[0].id))
    worth = [w for _, w in found]
    unit = case.settings.value_unit
    columns = (
        Column("id", [q.id for q, _ in found], detail=True),
        Column("label", [q.label for q, _ in found], label="question"),
        Column("kind", [q.kind for q, _ in found]),
        *_worth_columns(worth, unit),
    )
    decides = any(w.value > 0 for w in worth)
    money = Chart("bars", "value", "label", by="kind", title="Worth in decisions, less its cost", top=MOST_DRAWN, reference=0.0)
    charts = (
        *([money] if decides else []),
        Chart("bars", "bits", "label", by="kind", title="Worth in certainty", top=MOST_DRAWN),
    )
    now = (_now(asking, case), *(() if decides else (UNDECIDED,)))
    cited = sources_behind(case.model, [*case.evidence.observed, *asking.questions], asking.plans)
    return Result(
        "next_tests",
        _title(case, "what to ask or test next"),
        columns,
        basis_of(case),
        cited,
        charts,
        (*now, WORTH, LIMITS),
    )


def next_sets(case: Case, most: int = 3, *, aim: str = VALUE, asking: Asking | None = None) -> Result:
    """The best set of one, two … `most` questions to learn together.

    Returns
    -------
    Result
        One row a size: questions, value, gain, cost, bits, changes, and how the set was found.

    Raises
    ------
    InvalidValueError
        `most` is not 1 to 6, or more than there are questions.
    """
    order = _order(aim)
    asking = asking or asking_of(case)
    if not 1 <= most <= min(MOST_TOGETHER, len(asking.questions)):
        raise InvalidValueError("together", most, f"a whole number from 1 to {min(MOST_TOGETHER, len(asking.questions))}")
    rows = list(_sets(asking, most, order))
    labels = [" + ".join(asking.questions[q].label for q in chosen) for chosen, _, _ in rows]
    columns = (
        Column("size", [len(chosen) for chosen, _, _ in rows]),
        Column("ids", [" ".join(chosen) for chosen, _, _ in rows], detail=True),
        Column("labels", labels, label="questions"),
        *_worth_columns([w for _, w, _ in rows], case.settings.value_unit),
        Column("found", [how for _, _, how in rows], label="found by"),
    )
    gains = (
        [Chart("bars", "gain", "labels", title="Worth in decisions, before its cost")]
        if any(w.gain > 0 for _, w, _ in rows)
        else []
    )
    charts = (*gains, Chart("bars", "bits", "labels", title="Worth in certainty"))
    cited = sources_behind(case.model, [*case.evidence.observed, *asking.questions], asking.plans)
    return Result(
        "next_sets",
        _title(case, "what to ask or test together"),
        columns,
        basis_of(case),
        cited,
        charts,
        (_now(asking, case), WORTH, LIMITS),
    )


UNDECIDED = "No one answer is expected to change the first choice by more than it costs; the order is by certainty."
WORTH = """Value: expected gain in net benefit from choosing the best plan once the answer is known, less its cost (findings of
one scan are paid for once). Certainty: expected fall of the entropy of what it is. Changes: probability that another plan
would come first.""".replace("\n", " ")
LIMITS = """The answer chooses among the plans that are best as things are; blocks are actions and stand in the ranking. What a
context changes in how treatments work is not in its worth.""".replace("\n", " ")


def asking_of(case: Case) -> Asking:
    """The open questions of a case with the values of its allowed plans."""
    options = case.options()
    return Asking.of(options.observer, options.values(case.settings), options.allowed, contexts=True)


def _sets(asking: Asking, most: int, order: _Order) -> Iterator[tuple[tuple[str, ...], Worth, str]]:
    """(questions, worth, how found) by size."""
    singles = {q: asking.worth((q,)) for q in asking.questions}
    best = min(singles, key=lambda q: (*order(singles[q]), q))
    yield (best,), singles[best], "all questions"
    chosen: tuple[str, ...] = (best,)
    for size in range(2, most + 1):
        if size == 2:
            chosen, how = best_pair(asking, order), ALL_SETS
        elif size == 3:
            chosen, how = _best_triple(asking, chosen, singles, order), SHORT_LISTED
        else:
            chosen, how = _grown(asking, chosen, order), GREEDY
        yield chosen, asking.worth(chosen), how


def best_pair(asking: Asking, order: _Order) -> tuple[str, ...]:
    """The best of all pairs; those that are independent given the state are worked out in one product for each question."""
    names = sorted(asking.questions)
    stacked = _Stacked.of(asking, names)
    candidates = []
    for i, first in enumerate(names[:-1]):
        gain, bits = stacked.beside(first)
        for j in range(i + 1, len(names)):
            pair = (first, names[j])
            if len(asking.tied(pair)) == 1:
                worth = asking.worth(pair)
            else:
                worth = Worth(float(gain[j]), asking.cost(pair), float(bits[j]), math.nan)
            candidates.append((*order(worth), pair))
    return min(candidates)[-1]


@dataclass(frozen=True, slots=True)
class _Stacked:
    """P(answer | state) of all questions below each other (T, S), the same times its log2, and where each begins."""

    asking: Asking
    table: Array
    logs: Array
    start: Ints

    @classmethod
    def of(cls, asking: Asking, names: Sequence[str]) -> _Stacked:
        parts = [asking.likelihood((q,)) for q in names]
        table = np.concatenate(parts)
        sizes = np.array([len(part) for part in parts])
        return cls(asking, table, table * np.log2(np.where(table > 0, table, 1.0)), np.cumsum(sizes) - sizes)

    def beside(self, first: str) -> tuple[Array, Array]:
        """Gain and bits of learning `first` with each question, were they independent given the state; shape (questions,).

        The entropy of a product is taken apart, so that everything is a product with the table.
        """
        belief, values = self.asking.observer.belief, self.asking.values
        gain = np.full(len(self.start), -self.asking.settled)
        left = np.zeros(len(self.start))
        for row in self.asking.likelihood((first,)):
            weight = belief * row
            own = weight * np.log2(np.where(weight > 0, weight, 1.0))
            found = self.table @ np.column_stack([weight, own, weight[:, None] * values.T])
            mass, best = found[:, 0], np.maximum(found[:, 2:].max(axis=1), 0.0)
            spread = mass * np.log2(np.where(mass > 0, mass, 1.0)) - found[:, 1] - self.logs @ weight
            gain += np.add.reduceat(best, self.start)
            left += np.add.reduceat(spread, self.start)
        return np.round(np.maximum(gain, 0.0), DECIMALS), np.maximum(entropy(belief) - left, 0.0)


def _best_triple(asking: Asking, pair: tuple[str, ...], singles: dict[str, Worth], order: _Order) -> tuple[str, ...]:
    """The best triple of the short list: the pair, what is best beside it, and what is best alone."""
    beside = sorted((q for q in asking.questions if q not in pair), key=lambda q: (*order(asking.worth((*pair, q))), q))
    alone = sorted((q for q in beside), key=lambda q: (*order(singles[q]), q))
    half = (SHORT_LIST - 2) // 2
    listed = list(dict.fromkeys([*pair, *beside[:half], *alone]))[:SHORT_LIST]
    return min((tuple(sorted(t)) for t in combinations(listed, 3)), key=lambda t: (*order(asking.worth(t)), t))


def _grown(asking: Asking, chosen: tuple[str, ...], order: _Order) -> tuple[str, ...]:
    rest = [q for q in asking.questions if q not in chosen]
    return (*chosen, min(rest, key=lambda q: (*order(asking.worth((*chosen, q))), q)))


class _Order:
    """Smaller is better."""

    def __init__(self, aim: str) -> None:
        self.aim = aim

    def __call__(self, worth: Worth) -> tuple[float, float]:
        value, bits = -round(worth.value, DECIMALS), -round(worth.bits, DECIMALS)
        return (value, bits) if self.aim == VALUE else (bits, value)


def _order(aim: str) -> _Order:
    if aim not in AIMS:
        raise UnknownIdError("by", aim, AIMS)
    return _Order(aim)


def _worth_columns(worth: Sequence[Worth], unit: str) -> tuple[Column, ...]:
    return (
        Column("value", [w.value for w in worth], unit, "value less cost"),
        Column("gain", [w.gain for w in worth], unit),
        Column("cost", [w.cost for w in worth], unit),
        Column("bits", [w.bits for w in worth], "bits", "certainty"),
        Column("changes", [w.changes for w in worth], "probability", "changes the first choice"),
    )


def _title(case: Case, what: str) -> str:
    return f"{case.patient.label or 'One patient'}: {what}"


def _now(asking: Asking, case: Case) -> str:
    values = asking.values @ asking.observer.belief
    best = int(np.argmax(values))
    name = asking.plans[best] if values[best] > 0 else "waiting"
    label = case.model.priors.procedures[name].label if name in case.model.priors.procedures else name
    return f"As things are, {label} comes first, worth {asking.settled:,.0f} {case.settings.value_unit} over waiting."
