"""Stored draws are the draws: same numbers, for the same priors only."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast.assessment.model import draws_key, load_model
from spinecast.decision.numbers import Draws
from spinecast.decision.outcomes import compile_outcomes
from spinecast.decision.profile import Profile
from spinecast.decision.stored import RecordedDraws, StoredDraws, load_draws, save_draws
from spinecast.errors import ArtefactError
from spinecast.priors.records import Quantity

PLAIN = Quantity(assumed=0.3, like_n=20.0, why="made up for the tests")


@pytest.fixture
def path(tmp_path):
    recorded = RecordedDraws({}, 5, 7, {}, [])
    recorded.of(PLAIN, "logit", "a")
    recorded.normal_columns([("x", 2), ("y", 1)])
    save_draws(recorded, "key", tmp_path / "draws.npz")
    return tmp_path / "draws.npz"


@pytest.mark.parametrize("count", [0, 3, 5])
def test_looked_up_or_drawn_they_are_the_same(path, count):
    store = load_draws(path)
    stored, drawn = store.source({}, "key", count, 7), Draws({}, count, 7)
    assert isinstance(stored, StoredDraws)
    for name in ("a", "not stored"):
        assert np.array_equal(stored.of(PLAIN, "logit", name), drawn.of(PLAIN, "logit", name))
    for columns in ([("x", 2), ("y", 1)], [("x", 2)]):
        assert np.array_equal(stored.normal_columns(columns), drawn.normal_columns(columns))


@pytest.mark.parametrize(("key", "count", "seed"), [("other priors", 5, 7), ("key", 6, 7), ("key", 5, 8)])
def test_other_priors_seeds_and_more_draws_are_drawn_anew(path, key, count, seed):
    assert not isinstance(load_draws(path).source({}, key, count, seed), StoredDraws)


def flipped(whole, name):
    """The file with one bit of an array's first number changed."""
    at = whole.index(b"\n", whole.index(name)) + 8
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def test_a_damaged_file_is_an_error(path):
    whole = path.read_bytes()
    for damaged in (whole[:-30], b"nothing", flipped(whole, b"values.npy")):
        path.write_bytes(damaged)
        with pytest.raises(ArtefactError, match=r"is corrupt|own digest"):
            load_draws(path)
    path.unlink()
    assert load_draws(path) is None


def test_what_is_shipped_is_of_today_s_priors_and_is_what_would_be_drawn():
    model = load_model()
    assert model.outcome_draws is not None
    assert model.outcome_draws.key == draws_key(model.priors)
    source = model.outcome_source(20, model.outcome_draws.seed)
    assert isinstance(source, StoredDraws)
    space = model.network.space.only(np.arange(3))
    one = compile_outcomes(model.priors, space, Profile(), source=source)
    two = compile_outcomes(model.priors, space, Profile(), draws=20, seed=model.outcome_draws.seed)
    for name in ("natural", "contextual", "specific", "cost", "harm", "worth"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
