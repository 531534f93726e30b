"""The shipped folders are found, and the environment variable wins."""

from __future__ import annotations

import pytest

from spinecast import resources
from spinecast.errors import ArtefactError, InvalidValueError, MalformedFileError


def test_a_checkout_uses_its_own_folders():
    assert (resources.priors_folder() / "sources.bib").is_file()
    assert (resources.examples_folder() / "suitcase.toml").is_file()


def test_the_environment_variable_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINECAST_PRIORS", str(tmp_path))
    assert resources.priors_folder() == tmp_path


def test_a_folder_that_is_not_there_is_an_input_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINECAST_PRIORS", str(tmp_path / "nowhere"))
    with pytest.raises(MalformedFileError, match="nowhere"):
        resources.priors_folder()


def test_a_wheel_prefers_what_is_inside_it(tmp_path, monkeypatch):
    inside = tmp_path / "site-packages" / "spinecast"
    (inside / "data" / "priors").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", inside)
    assert resources.priors_folder() == inside / "data" / "priors"


def test_nothing_is_written_into_an_installed_package(tmp_path, monkeypatch):
    (tmp_path / "data" / "priors").mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    with pytest.raises(InvalidValueError, match="SPINECAST_PRIORS"):
        resources.own_priors_folder()


def test_a_checkout_and_a_copy_may_be_written_to(tmp_path, monkeypatch):
    assert resources.own_priors_folder() == resources.priors_folder()
    monkeypatch.setenv("SPINECAST_PRIORS", str(tmp_path))
    assert resources.own_priors_folder() == tmp_path


def test_an_installation_without_its_data_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "a" / "spinecast")
    with pytest.raises(ArtefactError, match="examples"):
        resources.examples_folder()
