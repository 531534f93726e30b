"""Many people before a decision, as arrays: beliefs, facts for the rules, circumstances for the outcome model.

Everything here is `Case.of` with one more axis: what depends on a person's few recorded values is asked of the one-person
functions once for all who share them, and the rest is arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

import numpy as np
import numpy.typing as npt

from spinecast.assessment.covering import covering
from spinecast.assessment.history import EarlierProcedure
from spinecast.assessment.looks import Looks
from spinecast.assessment.model import Model
from spinecast.assessment.profiling import ASKED, LISTED, history_of, usual_people
from spinecast.assessment.recorded import Observation
from spinecast.decision import circumstances
from spinecast.decision.ahead import Ahead, Turn
from spinecast.decision.circumstances import AWAKENINGS, DURATION, SEVERITY, TOLERANCE, WILLING, Circumstances
from spinecast.decision.facts import Fact, Facts, Ints
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import Outcomes, Published
from spinecast.decision.profile import Done, Profile, Vocabulary, deciding, supposed, truth
from spinecast.decision.rulings import Rulings
from spinecast.decision.settings import DecisionSettings
from spinecast.engines.batch import People
from spinecast.frozen import dataclass
from spinecast.network.model import Leaf
from spinecast.parameters.scales import Array
from spinecast.priors import grammar
from spinecast.priors.records import Priors

Values = Mapping[str, tuple[Sequence[object], Ints]]
"""By input: its values, and which of them everybody has, -1 where it is not known."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """N people as recorded.

    Attributes
    ----------
    people : People
    inputs : Values
    numbers : mapping of context to ndarray, shape (N,)
        The number behind a banded context, NaN where none was given.
    procedures : mapping of person to earlier procedures
    observations : mapping of (person, leaf index) to Observation
        What the recorder said where the evidence is soft; missing where it is the evidence itself.
    """

    people: People
    inputs: Values
    numbers: Mapping[str, Array]
    procedures: Mapping[int, Sequence[EarlierProcedure]]
    observations: Mapping[tuple[int, int], Observation]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is the same for everybody under one choice of settings; made once.

    Attributes
    ----------
    usual : mapping of (generator, modifier's `when`) to ndarray, shape (settings,)
        How often the modifier is true of those who usually have the generator.
    turns, tables : dict
        See `Ahead` and `Looks`.
    """

    settings: DecisionSettings
    published: Published
    usual: Mapping[tuple[str, str], Array]
    turns: dict[tuple[int, int], list[Turn]] = field(default_factory=dict)
    tables: dict[tuple[object, ...], Array] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, settings: DecisionSettings) -> Standing:
        """At the point estimate."""
        priors, network = model.priors, model.network
        published = Published.of(
            priors, network.space, Draws(priors.rows, 0, 0), sequences=settings.sequences, perspective=settings.perspective
        )
        usual = [Profile(usual=usual_people(network, k)) for k in range(len(network.settings))]
        vocabulary = Vocabulary.of(priors)
        shares = {
            (g, when): np.array([circumstances.usual_share(when, g, one, vocabulary) for one in usual])
            for g, when in circumstances.modified(published.procedures)
        }
        return cls(settings, published, shares)


@dataclass(frozen=True, slots=True)
class Crowd:
    """N people under one model and one choice of settings.

    Attributes
    ----------
    beliefs : ndarray, shape (N, S)
    setting : ndarray of int, shape (N,)
        The setting, or the likeliest where it is not known.
    """

    model: Model
    recorded: Recorded
    beliefs: Array
    setting: Ints
    facts: Facts

    @classmethod
    def of(cls, model: Model, recorded: Recorded, beliefs: Array) -> Crowd:
        """From beliefs over all states."""
        return cls(model, recorded, beliefs, _settings(model, recorded.people), _facts(model, recorded))

    def ahead(self, standing: Standing, outcomes: Outcomes | None = None) -> Ahead:
        """Their decision problem, one decision ahead, at the point estimate.

        `outcomes`: those of other people in their place, such as of the groups that they belong to; everybody's own by default.
        """
        model, published, settings = self.model, standing.published, standing.settings
        beliefs = covering(self.beliefs)
        looks = Looks(model.network, model.priors, self.recorded.people, beliefs, self.setting, published.share, standing.tables)
        return Ahead(
            published.outcomes(self.circumstances(standing)) if outcomes is None else outcomes,
            settings,
            tuple(p.kind for p in published.procedures),
            beliefs,
            looks,
            Rulings.of(model.priors, published.procedures, self.facts, self.probabilities(), settings.rule_set),
            standing.turns,
        )

    def probabilities(self) -> dict[tuple[str, str], Array]:
        """Probability of each generator ("" as level) and of each of its levels; each (N,)."""
        space = self.model.network.space
        found: dict[tuple[str, str], Array] = {level: self.beliefs @ space.active[:, i] for i, level in enumerate(space.levels)}
        return found | {(g, ""): self.beliefs @ space.mask(g) for g in space.generators}

    def circumstances(self, standing: Standing) -> Circumstances:
        """What the outcome model takes of everybody."""
        priors, source = self.model.priors, standing.published.curves.source
        bands = self._bands(DURATION)
        return Circumstances(
            circumstances.stage_weights(dict(zip(priors.contexts[DURATION].values, bands.T, strict=True))),
            {when: self._chance(when) for when in dict.fromkeys(when for _, when in standing.usual)},
            {pair: usual[self.setting] for pair, usual in standing.usual.items()},
            self._each((TOLERANCE,), lambda one: circumstances.therapy_factor(priors, TOLERANCE, one, source)),
            self._each((WILLING,), lambda one: circumstances.therapy_factor(priors, WILLING, one, source)),
            self._each((SEVERITY, AWAKENINGS), lambda one: circumstances.worth(priors, one, source)),
        )

    def _each(self, names: Sequence[str], answer: Callable[[Profile], Array]) -> Array:
        """A number of everybody that depends on a few recorded values; (N,)."""
        found = np.empty(self.facts.count)
        for who, profile in self.facts.patterns(names):
            found[who] = answer(profile)[0]
        return found

    def _chance(self, when: str) -> Array:
        """Probability that a modifier is true, as `profile.chance` has it; (N,)."""
        vocabulary, network = Vocabulary.of(self.model.priors), self.model.network
        found = np.zeros(self.facts.count)
        for who, profile in self.facts.patterns(tuple(dict.fromkeys(grammar.names(grammar.parse(when))))):
            known = truth(when, profile, vocabulary)
            name = deciding(when, profile)
            if known is not None:
                found[who] = float(known)
            elif name in network.contexts and not network.leaves[name].by:
                true = [supposed(when, value, profile, vocabulary) for value in network.leaves[name].values]
                found[who] = self._bands(name, who) @ np.array(true, dtype=float)
        return found

    def _bands(self, context: str, who: Ints | None = None) -> Array:
        """P(value of a context) of some people: what was recorded, or what is probable of them; (n, V)."""
        network, people = self.model.network, self.recorded.people
        who = np.arange(self.facts.count) if who is None else who
        leaf, column = network.leaves[context], list(network.leaves).index(context)
        codes = people.codes[who, column]
        found: Array = np.eye(len(leaf.values))[np.maximum(codes, 0)]
        for setting in np.unique(self.setting[who[codes < 0]]).tolist():
            mine = (codes < 0) & (self.setting[who] == setting)
            found[mine] = self.beliefs[who[mine]] @ self._shares(leaf, setting)
        place = {int(n): i for i, n in enumerate(who)}
        for n, index, likelihood in people.soft:
            if index == column and n in place:
                found[place[n]] = self.beliefs[n] @ self._shares(leaf, int(self.setting[n]), likelihood)
        return found

    def _shares(self, leaf: Leaf, setting: int, likelihood: Array | float = 1.0) -> Array:
        """P(value of a context | state, soft evidence about it); shape (S, V)."""
        network = self.model.network
        table = network.table(network.theta, leaf, setting)[0, 0] * likelihood
        shares: Array = (table / table.sum(axis=1, keepdims=True))[leaf.config_of_state]
        return shares


def _settings(model: Model, people: People) -> Ints:
    """`main_setting` of everybody."""
    share = np.repeat(model.network.setting_prior(model.network.theta)[None], len(people), axis=0)
    for n, leaf, likelihood in people.soft:
        if leaf < 0:
            share[n] *= likelihood
    return np.where(people.setting >= 0, people.setting, share.argmax(axis=1)).astype(np.int64)


def _facts(model: Model, recorded: Recorded) -> Facts:
    """Everything that rules and modifiers may ask."""
    count, network = len(recorded.people), model.network
    known = {name: Fact(codes, tuple(values)) for name, (values, codes) in recorded.inputs.items()}
    soft: dict[int, list[tuple[int, object]]] = {}
    for n, j, likelihood in recorded.people.soft:
        if j >= 0:
            leaf = list(network.leaves.values())[j]
            soft.setdefault(j, []).append((n, _left_open(leaf, recorded.observations.get((n, j)), likelihood)))
    for j, (name, leaf) in enumerate(network.leaves.items()):
        codes = recorded.people.codes[:, j]
        if j in soft or (codes >= 0).any():
            known[name] = _fact(leaf, codes, soft.get(j, []), recorded.numbers.get(name))
    told = np.zeros(count, dtype=bool)
    told[list(recorded.procedures)] = True
    known[ASKED] = _asked(known.get(ASKED), told)
    histories, of = _histories(model.priors, recorded.procedures, known, count)
    return Facts(count, known, histories, of, known[ASKED].codes >= 0)


def _left_open(leaf: Leaf, said: Observation | None, likelihood: Array) -> object:
    """What is known of something of which the evidence is soft: its value where the recorder was sure, or the values that it leaves open."""
    if said is not None and said.value:
        return said.value
    return frozenset(v for v, weight in zip(leaf.values, likelihood[-len(leaf.values) :], strict=True) if weight > 0)


def _fact(leaf: Leaf, codes: npt.NDArray[np.int16], soft: Sequence[tuple[int, object]], numbers: Array | None) -> Fact:
    """One leaf of everybody, with the numbers behind its bands."""
    given = np.where(codes >= 0, codes % len(leaf.values), -1).astype(np.int64)
    values: list[object] = list(leaf.values)
    for n, value in soft:
        if value not in values:
            values.append(value)
        given[n] = values.index(value)
    if numbers is None:
        return Fact(given, tuple(values))
    pairs = np.stack([given, np.where(np.isnan(numbers), -np.inf, numbers)], axis=1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    behind = tuple(float(x) if np.isfinite(x) else None for x in distinct[:, 1])
    items = tuple(values[int(c)] for c in distinct[:, 0])
    return Fact(np.where(given >= 0, place.ravel(), -1), items, behind)


def _asked(answered: Fact | None, listed: npt.NDArray[np.bool_]) -> Fact:
    """Whether earlier procedures were asked about: whoever lists some was."""
    codes = np.full(len(listed), -1) if answered is None else answered.codes
    values = () if answered is None else answered.values
    return Fact(np.where((codes < 0) & listed, len(values), codes), (*values, LISTED))


def _histories(
    priors: Priors, procedures: Mapping[int, Sequence[EarlierProcedure]], known: Mapping[str, Fact], count: int
) -> tuple[list[tuple[Done, ...]], Ints]:
    """The different histories of procedures, and which one everybody has."""
    blocks = {f.id: known[f.id] for f in priors.findings.values() if f.from_procedure is not None and f.id in known}
    busy = sorted({*procedures, *(n for fact in blocks.values() for n in np.flatnonzero(fact.codes >= 0).tolist())})
    found: dict[tuple[Done, ...], int] = {(): 0}
    of = np.zeros(count, dtype=np.int64)
    for n in busy:
        values = {name: fact.values[code] for name, fact in blocks.items() if (code := int(fact.codes[n])) >= 0}
        of[n] = found.setdefault(history_of(priors, procedures.get(n, ()), values), len(found))
    return list(found), of
