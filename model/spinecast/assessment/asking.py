"""What asking or testing more would be worth: one finding or several together, in decision value and in bits.

The value of knowing x is the expected net benefit of choosing the plan after it is known, less that of choosing now:

    gain(x) = Σ_x max(0, max_p Σ_s b(s) P(x | s) v_p(s))  -  max(0, max_p Σ_s b(s) v_p(s))

over the plans p that no rule blocks, their values v in each state s, and the belief b; waiting is worth 0. It cannot be
negative. In bits it is the expected fall of the entropy of b. Both are exact on the states that carry the belief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np

from spinecast.assessment.observing import Observer
from spinecast.decision.gates import already_made
from spinecast.frozen import dataclass
from spinecast.parameters.pooling import estimate
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Quantity

CONTEXT = "context"
ASKED = "history"
"""Burden of a question about the person."""

DECIMALS = 6
"""Gains are rounded to this, so that rounding noise does not decide the order of things worth nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is not known yet and could be.

    Attributes
    ----------
    kind : str
        symptom, exam, imaging, laboratory, or context.
    act : str
        What has to be done to learn it; findings of one scan share theirs.
    cost : float
        Of that act, in the currency of the economics file.
    """

    id: str
    label: str
    kind: str
    act: str
    cost: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What an answer would be worth.

    Attributes
    ----------
    gain : float
        Expected gain in net benefit from choosing the best plan after it is known.
    cost : float
    bits : float
        Expected fall of the entropy of the joint states.
    changes : float
        Probability that another plan comes first afterwards.
    """

    gain: float
    cost: float
    bits: float
    changes: float

    @property
    def value(self) -> float:
        """Gain less cost."""
        return self.gain - self.cost


@dataclass(frozen=True, slots=True)
class Asking:
    """One person's open questions, and what the plans are worth in each state.

    Attributes
    ----------
    observer : Observer
        Knows the evidence and the belief.
    values : ndarray, shape (plans, S)
        Value of each candidate plan in each state; the plan is chosen anew after the answer.
    plans : tuple of str
        Actions that they begin with.
    questions : mapping of id to Question
    """

    observer: Observer
    values: Array
    plans: tuple[str, ...]
    questions: Mapping[str, Question]
    _likelihoods: dict[tuple[str, ...], Array]
    _now: int = field(init=False)
    _settled: float = field(init=False)
    _uncertainty: float = field(init=False)

    def __post_init__(self) -> None:
        worth = self.values @ self.observer.belief
        object.__setattr__(self, "_now", int(np.argmax(worth)) if worth.max() > 0 else -1)
        object.__setattr__(self, "_settled", max(0.0, float(worth.max())))
        object.__setattr__(self, "_uncertainty", entropy(self.observer.belief))

    @classmethod
    def of(cls, observer: Observer, values: Array, plans: Sequence[str] = (), *, contexts: bool = False) -> Asking:
        """Every finding that is not observed, blocks apart (they are actions), and the contexts where wanted.

        What a scan shows that has been made already is read off its report, and costs nothing.
        """
        priors, leaves, known = observer.priors, observer.network.leaves, observer.evidence
        cost = costs(priors)
        read_off = {p.id for p in priors.procedures.values() if already_made(p, known.likelihood)}
        counted = {t for tests, _ in known.counts.values() for t in tests}
        found = {}
        for f in priors.findings.values():
            if f.id in leaves and f.id not in known.likelihood and f.id not in counted and f.kind != "block":
                act = f.id.partition("_")[0] if f.burden == "imaging" else f.id
                found[f.id] = Question(f.id, f.label, f.kind, act, 0.0 if act in read_off else cost[f.burden])
        if contexts:
            for c in priors.contexts.values():
                if c.id in leaves and c.id not in known.likelihood:
                    found[c.id] = Question(c.id, c.label, CONTEXT, c.id, cost[ASKED])
        return cls(observer, values, tuple(plans), found, {})

    @property
    def settled(self) -> float:
        """Value of the best plan as things are, waiting included."""
        return self._settled

    def likelihood(self, chosen: Sequence[str]) -> Array:
        """P(each joint answer | state, what is known); shape (answers, S)."""
        key = tuple(sorted(chosen))
        if key not in self._likelihoods:
            parts = [self._together(part) for part in self.tied(key)]
            joint = parts[0]
            for part in parts[1:]:
                joint = (joint[:, None, :] * part[None, :, :]).reshape(-1, joint.shape[1])
            self._likelihoods[key] = joint
        return self._likelihoods[key]

    def _together(self, chosen: Sequence[str]) -> Array:
        """The same of answers that share a family or an unknown context."""
        if len(chosen) == 1:
            return self._likelihoods[tuple(chosen)] if chosen in self._likelihoods else self.observer.answers(chosen[0])
        outcomes: list[dict[str, Array]] = [{}]
        for name in chosen:
            one_hot = np.eye(len(self.observer.network.leaves[name].values))
            outcomes = [{**outcome, name: vector} for outcome in outcomes for vector in one_hot]
        return self.observer.likelihoods(self.observer.evidence, outcomes)

    def tied(self, chosen: Sequence[str]) -> list[tuple[str, ...]]:
        """The questions in groups that are independent given the state."""
        network, known = self.observer.network, self.observer.evidence.likelihood
        groups: dict[str, list[str]] = {}
        for name in chosen:
            block = network.block_of[name]
            context = network.context_of.get(block, block)
            anchor = block if context in known else context
            groups.setdefault(name if name in network.modulators else anchor, []).append(name)
        return [tuple(members) for members in groups.values()]

    def worth(self, chosen: Sequence[str]) -> Worth:
        """What the answers to all of these would be worth, learnt together."""
        return self.worths([chosen])[0]

    def worths(self, sets: Sequence[Sequence[str]]) -> list[Worth]:
        """What each of these sets of questions would be worth."""
        answers = [self.likelihood(chosen) for chosen in sets]
        outcomes = np.concatenate(answers) * self.observer.belief
        by_plan = outcomes @ self.values.T
        stay = by_plan[:, self._now] if self._now >= 0 else np.zeros(len(outcomes))
        best = np.maximum(by_plan.max(axis=1), 0.0)
        mass = outcomes.sum(axis=1)
        changing = np.where(best > stay + SAME * mass, mass, 0.0)
        start = np.cumsum([0, *(len(a) for a in answers[:-1])])
        parts = (np.add.reduceat(x, start).tolist() for x in (best, entropies(outcomes), changing, mass))
        return [
            Worth(
                round(max(gained - self.settled, 0.0), DECIMALS),
                self.cost(chosen),
                max(self._uncertainty - left, 0.0),
                moved / max(whole, LEAST),
            )
            for chosen, gained, left, moved, whole in zip(sets, *parts, strict=True)
        ]

    def cost(self, chosen: Sequence[str]) -> float:
        """Of everything that has to be done, each act once."""
        acts = {self.questions[name].act: self.questions[name].cost for name in chosen}
        return float(sum(acts.values()))


SAME = 1e-9
"""Plans nearer to each other than this (money) are the same choice."""

LEAST = 1e-300


def costs(priors: Priors) -> dict[str, float]:
    """Cost of learning something, by its burden."""
    burden = priors.economics["burden_usd"]
    assert isinstance(burden, dict)
    return {k: estimate(q, priors.rows, "identity").value for k, q in burden.items() if isinstance(q, Quantity)}


def entropies(weights: Array) -> Array:
    """Entropy in bits times the mass of each unnormalised distribution; shape (O, S) to (O,)."""
    mass = weights.sum(axis=1)
    own = (weights * np.log2(np.where(weights > 0, weights, 1.0))).sum(axis=1)
    found: Array = mass * np.log2(np.where(mass > 0, mass, 1.0)) - own
    return found


def entropy(weight: Array) -> float:
    """The same of one."""
    return float(entropies(weight[None])[0])
