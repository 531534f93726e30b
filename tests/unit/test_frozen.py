"""Our frozen records behave as the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field, fields, is_dataclass, replace

import pytest

from spinecast.frozen import dataclass

standard = dataclasses.dataclass(frozen=True, slots=True)


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    tags: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list, compare=False)
    length: int = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "length", self.x + self.y)

    @property
    def doubled(self):
        return 2 * self.x


@dataclass(frozen=True, slots=True)
class Placed(Point):
    where: str = "here"


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    size: int


@standard
class Other:
    x: int
    y: int = 2


def test_values_by_place_by_name_and_by_default():
    assert Point(1) == Point(x=1, y=2, tags=(), notes=["not compared"])
    assert (Point(1, 5).length, Point(3).doubled) == (6, 6)
    assert Point(1).notes is not Point(1).notes


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Point, r"Point.__init__\(\) missing 1 required positional argument: 'x'"),
        (lambda: Point(1, z=3), "unexpected keyword argument 'z'"),
        (lambda: Point(1, x=3), "multiple values for argument 'x'"),
        (lambda: Point(1, 2, (), [], 5, 6), "takes from 2 to 5 positional arguments but 7 were given"),
    ],
)
def test_wrong_arguments_are_type_errors(make, said):
    with pytest.raises(TypeError, match=said):
        make()


def test_nothing_can_be_changed_or_added():
    point = Point(1)
    for name in ("x", "new"):
        with pytest.raises(FrozenInstanceError, match=name):
            setattr(point, name, 3)
    with pytest.raises(FrozenInstanceError):
        del point.x
    assert not hasattr(point, "__dict__")


def test_the_standard_helpers_know_them():
    assert is_dataclass(Point)
    assert [f.name for f in fields(Point)] == ["x", "y", "tags", "notes", "length"]
    moved = replace(Point(1), y=7)
    assert (moved.y, moved.length) == (7, 8)
    assert dataclasses.asdict(Placed(1)) == {"x": 1, "y": 2, "tags": (), "notes": [], "length": 3, "where": "here"}


def test_text_hash_and_equality_are_the_standard_ones():
    assert repr(Placed(1)) == "Placed(x=1, y=2, tags=(), notes=[], where='here')"
    assert hash(Thing(1)) != hash(Thing(1))
    assert Thing(1) != Thing(1)
    assert len({Point(1), Point(1), Point(2)}) == 2
    assert Point(1) != Placed(1)
    assert Other(1) != Point(1)
    match Point(4, 5):
        case Point(x, y):
            assert (x, y) == (4, 5)


def test_pickles_and_copies_are_equal():
    placed = Placed(1, where="there")
    for again in (pickle.loads(pickle.dumps(placed)), copy.copy(placed), copy.deepcopy(placed)):
        assert (again, again.length, again.where) == (placed, 3, "there")


def test_other_forms_are_the_standard_library_s():
    @dataclass
    class Loose:
        x: int = 0

    loose = Loose()
    loose.x = 3
    assert loose == Loose(3)


def test_what_others_read_of_a_dataclass_is_that_of_the_standard_one():
    """Dask goes through the slots of the parameters."""

    @standard
    class Plain:
        x: int

    ours, theirs = Point.__dataclass_params__, Plain.__dataclass_params__
    asked = [name for name in ours.__slots__ if hasattr(theirs, name)]  # some came with later Pythons
    assert len(asked) >= 6
    assert {name: getattr(ours, name) for name in asked} == {name: getattr(theirs, name) for name in asked}
