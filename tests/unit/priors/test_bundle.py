"""The bundle is the files: used only while they are what it was made from, however they were changed."""

from __future__ import annotations

import json
import os
import pickle
import shutil

import pytest

from helpers.small import SMALL, copied
from spinecast.errors import ArtefactError
from spinecast.priors.bundle import BUNDLE, load_priors, write_bundle
from spinecast.priors.reader import read_priors
from spinecast.resources import priors_folder


@pytest.fixture
def folder(tmp_path):
    copy = copied(tmp_path)
    write_bundle(copy)
    return copy


def read_from_bundle(folder, monkeypatch):
    monkeypatch.setattr("spinecast.priors.bundle.read_priors", lambda _: None)
    return load_priors(folder) is not None


def test_shipped_bundle_holds_what_the_files_hold():
    folder = priors_folder()
    bundle, files = load_priors(folder), read_priors(folder)
    for name in files.__dataclass_fields__:
        if name != "rows":
            assert getattr(bundle, name) == getattr(files, name), name
    assert {key: files.rows[key] for key in bundle.rows} == dict(bundle.rows)


def test_a_pickle_holds_the_records(folder):
    assert pickle.loads(pickle.dumps(load_priors(folder))) == pickle.loads(pickle.dumps(load_priors(folder)))


def test_files_that_were_not_touched_are_not_read(folder, monkeypatch):
    monkeypatch.setattr("spinecast.priors.bundle.content_hash", lambda _: pytest.fail("read"))
    assert read_from_bundle(folder, monkeypatch)


def test_touched_but_unchanged_files_are_read_once(folder, monkeypatch):
    later = (folder / BUNDLE).stat().st_mtime + 10
    os.utime(folder / "settings" / "primary_care.toml", (later, later))
    os.utime(folder / BUNDLE, (later - 5, later - 5))
    assert read_from_bundle(folder, monkeypatch)


CHANGES = {
    "another number of the same length": lambda p: p.write_text(p.read_text().replace("assumed = 0.7", "assumed = 0.8", 1)),
    "another length": lambda p: p.write_text(p.read_text() + "# more\n"),
    "a copy that keeps an old date": lambda p: (
        shutil.copy(p, p.with_suffix(".old")),
        os.utime(p.with_suffix(".old"), (1e9, 1e9)),
        p.write_text(p.read_text().replace("assumed = 0.7", "assumed = 0.8", 1)),
        os.utime(p, (1e9, 1e9)),
    ),
    "removed": lambda p: p.unlink(),
    "added": lambda p: shutil.copy(p, p.with_name("another.toml")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_files_are_noticed(change, folder, monkeypatch):
    CHANGES[change](folder / "findings" / "medial_branch_block_1.toml")
    assert not read_from_bundle(folder, monkeypatch)


def test_a_new_kind_of_file_is_noticed(folder, monkeypatch):
    (folder / "rules").mkdir(exist_ok=True)
    shutil.copy(next((priors_folder() / "rules").glob("*.toml")), folder / "rules")
    assert not read_from_bundle(folder, monkeypatch)


def test_a_damaged_bundle_is_an_error(folder):
    (folder / BUNDLE).write_text((folder / BUNDLE).read_text()[:-40])
    with pytest.raises(ArtefactError, match="is corrupt"):
        load_priors(folder)
    (folder / BUNDLE).write_text(json.dumps([]))
    with pytest.raises(ArtefactError, match="is corrupt"):
        load_priors(folder)


def test_small_priors_have_no_bundle():
    assert load_priors(SMALL) == read_priors(SMALL)
