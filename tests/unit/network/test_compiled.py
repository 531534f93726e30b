"""The stored network is the built one, entry by entry, and a start uses it only for the priors that it was made from."""

from __future__ import annotations

import shutil
from dataclasses import fields, replace

import numpy as np
import pytest

from helpers.small import SMALL
from spinecast.assessment.model import load_model
from spinecast.network.build import build_network, with_theta
from spinecast.network.compiled import pack, unpack
from spinecast.network.fitted import load, path_of
from spinecast.network.model import Network
from spinecast.priors.reader import read_priors
from spinecast.resources import priors_folder


def same(one, other):
    """Records of arrays and plain values, compared entry by entry."""
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(left, right) if isinstance(left, np.ndarray) else left == right, field.name


def assert_same_network(stored: Network, built: Network):
    same(stored.space, built.space)
    assert list(stored.leaves) == list(built.leaves)
    assert list(stored.blocks) == list(built.blocks)
    for name, leaf in built.leaves.items():
        same(stored.leaves[name], leaf)
    for name, block in built.blocks.items():
        same(stored.blocks[name], block)
    for name in ("setting_weight", "prevalence", "co_occurrence"):
        assert np.array_equal(getattr(stored, name), getattr(built, name))
    assert [(p.name, p.sd, p.quantity) for p in stored.parameters] == [(p.name, p.sd, p.quantity) for p in built.parameters]
    assert list(stored.points) == list(built.points)
    for name, table in built.points.items():
        assert np.allclose(stored.points[name], table, rtol=1e-13, atol=0), name
    assert (stored.region, stored.settings, stored.generator_labels) == (built.region, built.settings, built.generator_labels)


def test_small_priors_come_back():
    priors = read_priors(SMALL)
    built = build_network(priors)
    stored = unpack(pack(built, priors), [p.name for p in built.parameters], built.theta, priors)
    assert_same_network(stored, built)
    assert [p.name for p in stored.parameters[1:3]] == [p.name for p in built.parameters[1:3]]


@pytest.mark.slow
def test_what_is_shipped_is_what_the_priors_build_today():
    """Code that builds otherwise needs a new file: `spinecast fit` writes it."""
    folder = priors_folder()
    fitted, priors = load(path_of(folder, "lumbosacral")), read_priors(folder)
    assert fitted.compiled is not None
    built = with_theta(build_network(priors), fitted.theta)
    assert_same_network(unpack(fitted.compiled, fitted.names, fitted.theta, priors), built)


def test_points_of_other_parameters_are_made_anew():
    priors = read_priors(SMALL)
    built = build_network(priors)
    moved = built.theta + 0.1
    stored = unpack(replace(pack(built, priors), points=None), [p.name for p in built.parameters], moved, priors)
    assert all(np.array_equal(stored.points[name], table) for name, table in with_theta(built, moved).points.items())
    assert all((table.sum(axis=2) - 1 < 1e-12).all() for table in stored.points.values())


def test_an_index_that_does_not_fit_is_refused():
    priors = read_priors(SMALL)
    built = build_network(priors)
    with pytest.raises(ValueError, match="16 bits"):
        pack(
            Network(
                **{
                    **{f: getattr(built, f) for f in Network.__dataclass_fields__},
                    "setting_weight": built.setting_weight + 40_000,
                }
            ),
            priors,
        )


def test_a_model_of_other_priors_is_built_and_said_to_be_stale(tmp_path):
    copy = shutil.copytree(priors_folder(), tmp_path / "priors")
    path = copy / "findings" / "fortin_finger.toml"
    path.write_text(path.read_text().replace("like_n = ", "like_n = 1", 1))
    model = load_model(copy)
    assert model.stale
    assert not load_model().stale
