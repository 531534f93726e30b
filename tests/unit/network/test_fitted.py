"""The stored fit: read back as written, refused when it is not, laid onto a network by name."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.small import network
from spinecast.errors import ArtefactError
from spinecast.network.fitted import Fitted, load, path_of, place, save


@pytest.fixture
def stored(tmp_path):
    fitted = Fitted(("a", "b"), np.array([0.5, -1.25]), np.arange(6.0).reshape(3, 2), "hash", np.array([1.0, 0.25]))
    path = path_of(tmp_path, "lumbosacral")
    save(fitted, path)
    return path


def test_read_back_as_written(stored):
    found = load(stored)
    assert (found.names, found.priors_hash) == (("a", "b"), "hash")
    assert (found.theta.tolist(), found.draws.tolist()) == ([0.5, -1.25], [[0, 1], [2, 3], [4, 5]])
    assert found.evidence_share.tolist() == [1.0, 0.25]
    assert [p.name for p in stored.parent.iterdir()] == ["lumbosacral.npz"]


def test_missing(tmp_path):
    with pytest.raises(ArtefactError, match="does not exist; `spinecast fit` writes it"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_truncated(stored, share):
    whole = stored.read_bytes()
    stored.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ArtefactError, match="is corrupt"):
        load(stored)


@pytest.mark.parametrize("content", [b"", b"not a fit", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00"])
def test_corrupt(stored, content):
    stored.write_bytes(content)
    with pytest.raises(ArtefactError, match="is corrupt"):
        load(stored)


def test_another_kind_of_archive(stored):
    with stored.open("wb") as handle:
        np.savez(handle, numbers=np.zeros(3))
    with pytest.raises(ArtefactError, match="is corrupt"):
        load(stored)


@pytest.mark.parametrize("part", ["theta", "draws", "evidence_share"])
def test_numbers_that_were_changed(stored, part):
    with np.load(stored) as data:
        parts = dict(data)
    parts[part] = parts[part] + 1
    with stored.open("wb") as handle:
        np.savez(handle, **parts)
    with pytest.raises(ArtefactError, match="does not match its own digest"):
        load(stored)


def test_no_byte_can_change_unnoticed(stored, rng):
    """A flipped bit either does no harm to the numbers or is noticed."""
    whole, before = bytearray(stored.read_bytes()), load(stored)
    for at in rng.choice(len(whole), 60, replace=False):
        changed = whole.copy()
        changed[at] ^= 0x10
        stored.write_bytes(changed)
        try:
            after = load(stored)
        except ArtefactError:
            continue
        assert (after.theta == before.theta).all()
        assert (after.draws == before.draws).all()


def test_parameters_that_the_fit_does_not_know_keep_their_defaults():
    net, _ = network()
    known = tuple(p.name for p in net.parameters if p.name.startswith("findings/straight_leg_raise/"))
    index = [i for i, p in enumerate(net.parameters) if p.name in known]
    fitted = Fitted(
        (*known, "gone"), np.full(len(known) + 1, 0.7), np.full((400, len(known) + 1), 0.7), "", np.ones(len(known) + 1)
    )
    theta, draws, unknown = place(net, fitted)
    others = np.setdiff1d(np.arange(len(theta)), index)
    assert (theta[index] == 0.7).all()
    assert (draws[:, index] == 0.7).all()
    assert (theta[others] == net.theta[others]).all()
    assert set(unknown) == {p.name for i, p in enumerate(net.parameters) if i in set(others.tolist()) and p.sd > 0}
    leak = next(i for i, p in enumerate(net.parameters) if p.name == "findings/thigh_thrust/leak/positive")
    assert draws[:, leak].std() == pytest.approx(net.parameters[leak].sd, rel=0.2)
    zero = next(i for i, p in enumerate(net.parameters) if p.name == "findings/scar/leak/positive")
    assert (draws[:, zero] == net.theta[zero]).all()
