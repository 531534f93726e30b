"""Scaffolds keep their schema, say that they are placeholders, and never overwrite."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.priors.check import check
from spinecast.priors.reader import read_priors
from spinecast.priors.scaffold import PLACES, new, new_patient, patient_template

HERE = Path(__file__).parents[2] / "data"
REAL = Path(__file__).parents[3] / "priors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "priors"
    shutil.copytree(HERE / "lawful", target)
    for name in ("schema", "skeletons"):
        shutil.copytree(REAL / name, target / name)
    return target


@pytest.mark.parametrize("kind", PLACES)
def test_a_fresh_entry_keeps_its_schema_and_is_marked(kind: str, folder: Path) -> None:
    path = new(kind, "my_entry", folder)
    problems = [p for p in check(folder) if p.file == path.relative_to(folder).as_posix()]
    assert "schema" not in {p.law for p in problems}
    assert "no_placeholder_remains" in {p.law for p in problems}


def test_a_finding_is_lawful_once_it_is_filled_in(folder: Path) -> None:
    path = new("finding", "my_entry", folder)
    path.write_text(path.read_text(encoding="utf-8").replace("TO DO: ", "Filled in, "), encoding="utf-8")
    assert check(folder) == []


def test_every_skeleton_has_a_place() -> None:
    assert {p.stem for p in (REAL / "skeletons").glob("*.toml")} == set(PLACES)


def test_nothing_is_overwritten(folder: Path) -> None:
    with pytest.raises(InvalidValueError, match="nothing is overwritten"):
        new("finding", "straight_leg_raise", folder)


def test_an_unknown_kind_names_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownIdError, match="did you mean 'finding'"):
        new("findings", "my_entry", folder)


@pytest.mark.parametrize("key", ["My-Entry", "", "2nd", "a/b", "../x"])
def test_an_id_that_is_none_is_refused(key: str, folder: Path) -> None:
    with pytest.raises(InvalidValueError, match="lower case"):
        new("finding", key, folder)


def test_a_patient_form_names_the_whole_vocabulary(tmp_path: Path) -> None:
    priors = read_priors(HERE / "lawful")
    text = new_patient(priors, tmp_path / "me.toml").read_text(encoding="utf-8")
    for name in (*priors.contexts, *priors.inputs, *priors.procedures, "straight_leg_raise", "centralisation"):
        assert name in text
    with pytest.raises(InvalidValueError, match="nothing is overwritten"):
        new_patient(priors, tmp_path / "me.toml")


def test_an_empty_patient_form_states_nothing() -> None:
    table = tomllib.loads(patient_template(read_priors(HERE / "lawful")))
    assert {key: value for key, value in table.items() if value} == {"label": table["label"]}


@pytest.mark.parametrize("source", [HERE / "lawful", REAL], ids=["lawful", "real"])
def test_the_form_with_every_mark_taken_away_is_a_patient(source: Path) -> None:
    """Each commented line is TOML with a value from the vocabulary."""
    from spinecast.assessment.patient import parse_patient

    priors = read_priors(source)
    lines = patient_template(priors).splitlines()
    filled = [line.removeprefix("# ") if " = " in line or line.startswith("# [[") else line for line in lines[2:]]
    parse_patient(tomllib.loads("\n".join(filled)), priors)
