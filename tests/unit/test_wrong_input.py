"""What a reader meets who gave the wrong file: one message for a kind of mistake, and nothing half-written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spinecast.analysis.result import read_cited
from spinecast.analysis.simulate import write
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.patient import parse_patient
from spinecast.cli import main
from spinecast.errors import InputError, InvalidValueError, MalformedFileError, MissingExtraError, MissingFileError
from spinecast.priors.bundle import load_priors
from spinecast.priors.scaffold import new_outcome, new_patient
from spinecast.resources import learned_fit, priors_folder


@pytest.mark.parametrize(("name", "said"), [("", ", but a folder"), ("none.toml", "there is no such file")])
def test_a_folder_is_told_from_a_file_that_is_missing(tmp_path, name, said):
    with pytest.raises(MissingFileError) as caught:
        read_patient_file(tmp_path / name)
    assert str(caught.value).endswith(said)


def test_a_fit_that_is_not_there_names_the_option(monkeypatch):
    monkeypatch.setenv("SPINECAST_FIT", "none.npz")
    with pytest.raises(MalformedFileError, match=r"--fit or SPINECAST_FIT names: none\.npz: there is no such file"):
        learned_fit()


def test_a_parquet_that_is_none_is_an_input_error(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_bytes(b"\x00\xff not parquet")
    with pytest.raises(MalformedFileError, match="cannot be read as Parquet"):
        read_cited(path)


@pytest.mark.parametrize("form", [new_patient, new_outcome])
@pytest.mark.parametrize("name", ["form.txt", "folder/form.toml"])
def test_a_form_that_the_next_command_would_refuse_is_not_written(tmp_path, form, name):
    with pytest.raises(InvalidValueError):
        form(load_priors(priors_folder()), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["--given", "--by"])
def test_what_belongs_to_a_function_is_not_silently_dropped(capsys, name):
    assert main.run(["sensitivity", "nobody.toml", name, "radiculopathy"]) == 2
    assert f"{name} = 'radiculopathy'" in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_extra_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"spinecast\[tables\]"):
        write(None, tmp_path / "people.parquet")
    assert not list(tmp_path.iterdir())


def test_a_cohort_that_fails_midway_leaves_the_file_as_it_was(tmp_path):
    path = Path(tmp_path / "people.csv")
    path.write_text("before")
    with pytest.raises(AttributeError):
        write(None, path)
    assert path.read_text() == "before"


def test_a_message_fits_a_terminal_and_is_one_line_for_a_program(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main.run([f"export-{'x' * 60}"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= main.WIDTH
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert main.run([f"export-{'x' * 60}"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_bounds_of_a_scale_are_said_once():
    with pytest.raises(InvalidValueError, match=r"a number from 0 to 10$"):
        parse_patient({"inputs": {"pain_severity": 77}}, load_priors(priors_folder()))


@pytest.mark.parametrize(
    ("patient", "said"),
    [
        ({"age": 44}, "age: belongs under [context], not the top of the file"),
        ({"findings": {"age": 44}}, "age: belongs under [context], not [findings]"),
        ({"context": {"pain_severity": 4}}, "pain_severity: belongs under [inputs], not [context]"),
        ({"inputs": {"straight_leg_raise": "positive"}}, "straight_leg_raise: belongs under [findings], not [inputs]"),
        ({"region": "cervical"}, "section: unknown 'region'"),
        ({"context": {"age": "old"}}, "age_75_plus, a number from 18 to 120 years"),
        ({"findings": {"mri_modic": {"value": "type_1", "level": "L4/5"}}}, "did you mean 'L4_L5'?"),
        ({"procedures": [{"procedure": "medial_branch_block", "relief_percent": 0.8}]}, "80 if 0.8 is a fraction"),
        ({"inputs": {"allergies": ["none", "contrast"]}}, "none alone, or what applies without it"),
        (
            {"inputs": {"earlier_injections": "none"}, "procedures": [{"procedure": "caudal_epidural", "weeks_ago": 3}]},
            "expected listed, since [[procedures]] holds caudal_epidural",
        ),
    ],
)
def test_a_slip_in_a_patient_file_is_told_with_the_way_out(patient, said):
    with pytest.raises(InputError) as caught:
        parse_patient(patient, load_priors(priors_folder()))
    assert said in str(caught.value)


def test_what_is_not_the_format_of_its_name_says_which(tmp_path):
    path = tmp_path / "patient.json"
    path.write_text("[context]\nage = 44\n")
    with pytest.raises(MalformedFileError, match=r"patient\.json: not JSON: "):
        read_patient_file(path)
