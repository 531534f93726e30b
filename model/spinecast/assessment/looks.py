"""What tests and blocks can show to many people: worked out once for all of whom the same related things are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from spinecast.assessment.observing import MOST_OUTCOMES, Observer, commonest, tied_to
from spinecast.decision.facts import Ints, alike
from spinecast.decision.gates import already_made
from spinecast.decision.plan import Observe
from spinecast.engines.batch import People, decode
from spinecast.network.model import Network
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors, Procedure

_ANYBODY = np.ones(1)
REMEMBERED = 2_000
"""Tables and answers kept from one lot of people to the next, about 40 kB each: most people have what others have had."""


class Looks:
    """See `decision.ahead.Looks`.

    Parameters
    ----------
    beliefs : ndarray, shape (N, S)
        0 in the states that do not matter to a person.
    setting : ndarray of int, shape (N,)
        The setting, or the likeliest where it is not known.
    share : ndarray, shape (S, L + 1)
        Share of the pain by level.
    tables : dict
        Tables of leaves, made as they are asked for; nobody's in particular.
    """

    def __init__(
        self,
        network: Network,
        priors: Priors,
        people: People,
        beliefs: Array,
        setting: Ints,
        share: Array,
        tables: dict[tuple[object, ...], Array],
    ) -> None:
        self.network, self.priors, self.people = network, priors, people
        self.beliefs, self.setting, self.share, self._tables = beliefs, setting, share, tables
        self._position = {name: j for j, name in enumerate(network.leaves)}
        self._soft = np.zeros(people.codes.shape, dtype=bool)
        for n, leaf, _ in people.soft:
            if leaf >= 0:
                self._soft[n, leaf] = True
        self._seen: npt.NDArray[np.bool_] = (people.codes >= 0) | self._soft
        self._open: dict[tuple[str, int], tuple[str, ...]] = {}
        self._kept: dict[int, tuple[Ints, Array, Array]] = {}
        self._rows: dict[tuple[str, int], list[tuple[Ints, Array]]] = {}

    def alike(self, action: str) -> Iterator[tuple[int, Ints, Observe | None]]:
        """People to whom an action, and what comes with it, has the same left to show."""
        procedure = self.priors.procedures[action]
        together = [self.priors.procedures[a] for a in (action, *procedure.includes, procedure.with_procedure) if a]
        code = np.zeros(len(self.people), dtype=np.int64)
        for one in together:
            for group in one.observes:
                code = 2 * code + self._group_seen(group)
            if one.kind == "test":
                code = 2 * code + self._made(one)
        for who in alike(code):
            observer = self._observer(int(who[0]), range(len(self._position)))
            groups = observer.looks(action)
            self._open[action, int(who[0])] = groups[0] if groups else ()
            shows = any(observer.looks(one.id) for one in together)
            yield int(code[who[0]]), who, observer.outline if shows else None

    def split(self, action: str, who: Ints, relief: Array | None = None) -> tuple[Array, Array]:
        """Pain by outcome, and the pain of those relieved; each (n, O, L + 1), O = 1 where nothing is shown."""
        first = int(who[0])
        group = self._open.get((action, first), ())
        if not group:
            patterns = [(np.arange(len(who)), np.ones((1, len(self.share))))]
        elif (action, first) in self._rows:
            patterns = self._rows[action, first]
        else:
            patterns = self._rows[action, first] = list(self._patterns(action, group, who))
        pain = np.empty((len(who), len(patterns[0][1]), self.share.shape[1]))
        relieved = np.zeros_like(pain)
        for place, rows in patterns:
            for i in place.tolist():
                keep, belief, share = self._near(int(who[i]))
                seen = rows.take(keep, axis=1) * belief
                pain[i] = seen @ share
                if relief is not None:
                    relieved[i] = (seen * np.clip(share @ relief[i], 0.0, 1.0)) @ share
        return _fewer(pain, relieved) if len(patterns[0][1]) > MOST_OUTCOMES else (pain, relieved)

    def _near(self, n: int) -> tuple[Ints, Array, Array]:
        """The states that a person's belief is on, the belief, and the shares of pain in them."""
        if n not in self._kept:
            keep = np.flatnonzero(self.beliefs[n])
            self._kept[n] = keep, self.beliefs[n, keep], self.share[keep]
        return self._kept[n]

    def likelihoods(self, action: str, n: int) -> Array:
        """P(outcome of the action's first look | state) for one person, (O, S); ones where nothing is shown."""
        if not self.priors.procedures[action].observes:
            return np.ones((1, len(self.share)))
        observer = self._observer(n, range(len(self._position)))
        if not observer.looks(action):
            return np.ones((1, len(self.share)))
        rows = observer.all_outcomes(action)
        if len(rows) <= MOST_OUTCOMES:
            return rows
        top, rest = commonest(rows @ self.beliefs[n])
        return np.concatenate([rows[top], rows[rest].sum(axis=0, keepdims=True)])

    def _patterns(self, action: str, group: tuple[str, ...], who: Ints) -> Iterator[tuple[Ints, Array]]:
        """Places among `who` of people with the same related evidence, and P(outcome | state) for them, (O, S)."""
        network = self.network
        contexts = sorted({network.context_of[b] for name in group if (b := network.block_of[name]) in network.context_of})
        known = np.stack([self._seen[who, self._position[c]] for c in contexts], axis=1) if contexts else np.zeros((len(who), 0))
        for some in alike(known @ (1 << np.arange(len(contexts)))):
            told = {c for c, seen in zip(contexts, known[some[0]], strict=True) if seen}
            blocks, tied = tied_to(network, told, group)
            columns = np.array([j for name, j in self._position.items() if network.block_of[name] in blocks or name in tied])
            codes = self.people.codes[np.ix_(who[some], columns)].astype(np.int64)
            soft = self._soft[np.ix_(who[some], columns)].any(axis=1)
            own = np.where(soft, np.arange(len(some)) + 1, 0)
            rows = np.concatenate([codes, self.setting[who[some], None], own[:, None]], axis=1)
            _, code = np.unique(rows, axis=0, return_inverse=True)
            for same in alike(code.ravel()):
                key = (action, group, columns.tobytes(), rows[same[0]].tobytes())
                yield some[same], self._shown(action, int(who[some[same[0]]]), columns, None if own[same[0]] else key)

    def _shown(self, action: str, n: int, columns: Ints, key: tuple[object, ...] | None) -> Array:
        """P(each outcome | state) for a person as known in some leaves; remembered under a key where there is one and few outcomes are."""
        if key in self._tables:
            return self._tables[key]
        shown = self._observer(n, columns.tolist()).all_outcomes(action)
        if key is not None and len(shown) <= MOST_OUTCOMES and len(self._tables) < REMEMBERED:
            self._tables[key] = shown
        return shown

    def _observer(self, n: int, columns: Iterable[int]) -> Observer:
        """For one person as known in some leaves."""
        evidence = decode(self.network, self.people, n, columns)
        return Observer(self.network, self.network.theta, self.priors, evidence, _ANYBODY, self._tables)

    def _group_seen(self, group: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Everything in the group is known."""
        columns = [self._position[name] for name in group if name in self._position]
        return np.asarray(self._seen[:, columns].all(axis=1))

    def _made(self, test: Procedure) -> npt.NDArray[np.bool_]:
        """Something that the test shows is known."""
        columns = [j for name, j in self._position.items() if already_made(test, [name])]
        return np.asarray(self._seen[:, columns].any(axis=1))


def _fewer(*pains: Array) -> tuple[Array, Array]:
    """The rarest outcomes taken together, person by person, as the first has them."""
    top, rest = commonest(pains[0].sum(axis=2))
    kept = (np.take_along_axis(pain, top[:, :, None], axis=1) for pain in pains)
    others = (np.take_along_axis(pain, rest[:, :, None], axis=1).sum(axis=1, keepdims=True) for pain in pains)
    first, second = (np.concatenate(both, axis=1) for both in zip(kept, others, strict=True))
    return first, second
