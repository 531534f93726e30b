"""The uncertain numbers of the outcome model by name: remembered as they are drawn, or moved on purpose.

`decision.numbers.Draws` asks for standard normals by name. A source that remembers gives one set of draws to a whole
cohort and keeps the normals as inputs for value of information; a source that moves makes one-way analyses run through
the same code as random draws. A name with several normals of its own is taken apart as `name[0]`, `name[1]` ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from typing import cast

import numpy as np

from spinecast.decision.numbers import Draws
from spinecast.frozen import dataclass
from spinecast.parameters.scales import Array, Scale
from spinecast.priors.records import Priors, Quantity


@dataclass(frozen=True, slots=True)
class RememberedDraws(Draws):
    """Random draws that are drawn once and kept.

    Attributes
    ----------
    normal : dict of name to ndarray, shape (1 + K,)
        Standard normals of every number asked for so far, 0 first.
    """

    normal: dict[str, Array] = field(default_factory=dict)
    _made: dict[tuple[int, str, str], tuple[Quantity, Array]] = field(default_factory=dict)

    def normals(self, name: str) -> Array:
        if name not in self.normal:
            self.normal[name] = Draws.normals(self, name)
        return self.normal[name]

    def scale_of(self, name: str) -> Scale | None:
        """The scale on which the number of that name was asked for alone; None where several share its normals."""
        for _, scale, asked in self._made:
            if asked == name:
                return cast("Scale", scale)
        return None

    def normal_columns(self, columns: Sequence[tuple[str, int]]) -> Array:
        names = taken_apart(columns)
        if not set(names) <= set(self.normal):
            self.normal.update(zip(names, Draws.normal_columns(self, columns).T, strict=True))
        return np.stack([self.normal[name] for name in names], axis=1)

    def of(self, quantity: Quantity, scale: Scale, name: str, normals: Array | None = None) -> Array:
        if normals is not None:
            return Draws.of(self, quantity, scale, name, normals)
        key = (id(quantity), scale, name)
        if key not in self._made:
            made = Draws.of(self, quantity, scale, name, self.normals(name))
            self._made[key] = (quantity, made)  # the quantity is kept, so that its id is not used again
        return self._made[key][1]


@dataclass(frozen=True, slots=True)
class MovedDraws(Draws):
    """Each number at its centre, plus stated steps in its own spreads.

    Attributes
    ----------
    steps : mapping of name to ndarray, shape (1 + K,)
        Numbers not named stay at their centre.
    """

    steps: Mapping[str, Array] = field(default_factory=dict)

    def normals(self, name: str) -> Array:
        return self.steps.get(name, np.zeros(1 + self.count))

    def normal_columns(self, columns: Sequence[tuple[str, int]]) -> Array:
        return np.stack([self.normals(name) for name in taken_apart(columns)], axis=1)


def taken_apart(columns: Sequence[tuple[str, int]]) -> list[str]:
    """`name[0]`, `name[1]` ... for every name that has several normals of its own."""
    return [f"{name}[{i}]" for name, width in columns for i in range(width)]


def rows_behind(priors: Priors, name: str) -> tuple[str, ...]:
    """Evidence rows of the outcome number of that name, sorted.

    A name is a path: `procedures/ID/effect number`, `procedures/ID/harm`, `natural_course/generator`, `utility/...`. Where its
    last part names nothing, everything below the record counts. What a fitted trial brings to an effect counts too.
    """
    stated = {row for quantity in quantities_behind(priors, name) for row in quantity.rows}
    return tuple(sorted(stated | set(_rows_of_trials(priors, name))))


def _rows_of_trials(priors: Priors, name: str) -> Iterator[str]:
    """Rows of fitted time points of a procedure in people who have the generator of its effect, or may have it."""
    kind, _, rest = name.partition("[")[0].partition("/")
    procedure, _, number = rest.partition("/")
    if kind != "procedures" or procedure not in priors.procedures or not number.isdigit():
        return
    effects = priors.procedures[procedure].effects
    generator = effects[int(number)].generator if int(number) < len(effects) else ""
    for trial in priors.trials.values():
        for arm in trial.arms:
            if arm.fitted and procedure in arm.arm and trial.generator in ("", generator):
                yield from arm.published.rows


def quantities_behind(priors: Priors, name: str) -> list[Quantity]:
    """Every quantity below the place that a name points to."""
    place: object = priors
    for part in name.partition("[")[0].split("/"):
        below = _below(place, part)
        if below is None:
            break
        place = below
    return [] if place is priors else list(_quantities(place))


_PLURAL = {"modifier": "modifiers", "cost": "cost_usd", "loss": "qaly_loss"}


def _below(place: object, part: str) -> object | None:
    """What `part` names inside a record, a table or a list."""
    if isinstance(place, Priors):
        table = getattr(place, part, None)
        return table if table is not None else place.economics.get(part)
    if isinstance(place, Mapping):
        entry: object = place.get(part, place.get(f"loss_{part}"))
        return entry
    if isinstance(place, tuple):
        member: object = place[int(part)] if part.isdigit() and int(part) < len(place) else None
        return member
    if part.isdigit():
        return _below(getattr(place, "effects", ()), part)
    for harm in getattr(place, "harms", ()):
        if harm.id == part:
            found: object = harm
            return found
    return getattr(place, _PLURAL.get(part, part), None)


def _quantities(place: object) -> Iterator[Quantity]:
    if isinstance(place, Quantity):
        yield place
    elif isinstance(place, Mapping):
        for value in place.values():
            yield from _quantities(value)
    elif isinstance(place, tuple):
        for value in place:
            yield from _quantities(value)
    elif is_dataclass(place) and not isinstance(place, type):
        for one in fields(place):
            yield from _quantities(getattr(place, one.name))
