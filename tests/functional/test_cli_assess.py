"""`spinecast assess`: what it prints, and how it refuses what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from spinecast.priors.bundle import load_priors
from spinecast.report.published import assessment_schema
from spinecast.resources import examples_folder, priors_folder

EXAMPLES = sorted(examples_folder().glob("*.toml"))
SUITCASE = examples_folder() / "suitcase.toml"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_a_letter_for_every_example(command, example):
    done = command("assess", example, "--draws", 8)
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 100
    assert "\x1b" not in done.out
    assert "What this rests on" in done.out
    assert done.out.count("not a medical device") == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_json_keeps_the_published_schema(command, example):
    done = command("assess", example, "--json", "--draws", 8)
    answer = json.loads(done.out)
    jsonschema.Draft202012Validator(assessment_schema()).validate(answer)
    procedures = load_priors(priors_folder()).procedures.values()  # medicines and an examination are steps of whole sequences
    assert {a["id"] for a in answer["ranking"]} == {p.id for p in procedures if p.kind not in {"medication", "examination"}}
    assert [g["probability"] for g in answer["differential"]] == sorted(
        (g["probability"] for g in answer["differential"]), reverse=True
    )


def branch_sums(plan):
    """Sum of the branches' probabilities at every step of a plan."""
    if plan and plan["branches"]:
        yield sum(b["probability"] for b in plan["branches"])
        for branch in plan["branches"]:
            yield from branch_sums(branch["then"])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_what_a_plan_can_meet_adds_up_to_one(command, example):
    answer = json.loads(command("assess", example, "--json", "--draws", 2).out)
    assert list(branch_sums(answer["plan"])) == pytest.approx([1.0] * len(list(branch_sums(answer["plan"]))), abs=1e-6)


def test_the_same_question_gives_the_same_answer(command):
    assert command("assess", SUITCASE, "--seed", 3) == command("assess", SUITCASE, "--seed", 3)


def test_settings_reach_the_answer(command):
    asked = ("--rule-set", "payer", "--wtp", 50_000, "--horizon", 26, "--depth", 1, "--draws", 5, "--seed", 9)
    settings = json.loads(command("assess", SUITCASE, "--json", *asked).out)["settings"]
    assert [settings[k] for k in ("rule_set", "willingness_to_pay", "horizon_weeks", "depth", "draws", "seed")] == [
        "payer",
        50_000,
        26,
        1,
        5,
        9,
    ]


def test_a_figure_is_drawn_beside_json(command, tmp_path):
    done = command("assess", SUITCASE, "--json", "--draws", 4, "--figure", tmp_path / "sheet.svg")
    assert json.loads(done.out)
    assert "sheet.svg" in done.err
    assert (tmp_path / "sheet.svg").read_text().startswith("<?xml")


def test_an_answer_can_go_to_a_stream_that_lacks_its_characters(priors):
    """A terminal in latin-1: the letter comes with question marks, not with an error."""
    done = subprocess.run(
        [sys.executable, "-m", "spinecast", "assess", str(SUITCASE), "--draws", "4"],
        capture_output=True, check=False, env={"SPINECAST_PRIORS": str(priors), "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "adiculopathy" in done.stdout.decode("latin-1") or "Root pain" in done.stdout.decode("latin-1")


def test_assess_loads_nothing_slow(priors):
    code = (
        "import sys; from spinecast.cli.main import run\n"
        f"assert run(['assess', {str(SUITCASE)!r}, '--draws', '4']) == 0\n"
        "slow = {'pgmpy', 'pandas', 'scipy', 'matplotlib', 'pyarrow', 'jsonschema'} & set(sys.modules)\n"
        "sys.exit(f'loaded {slow}' if slow else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"SPINECAST_PRIORS": str(priors)}
    )
    assert done.returncode == 0, done.stderr


TABLES = {
    "unknown section": ('[finding]\nx = "y"', ("section", "'finding'", "did you mean 'findings'")),
    "unknown finding": (
        '[findings]\nstraight_leg_rise = "positive"',
        ("'straight_leg_rise'", "did you mean 'straight_leg_raise'"),
    ),
    "unknown value": (
        '[findings]\nstraight_leg_raise = "positve"',
        ("findings.straight_leg_raise", "did you mean 'positive'", "negative"),
    ),
    "unknown context": ("[context]\nagee = 4", ("context", "'agee'", "did you mean 'age'")),
    "impossible age": ("[context]\nage = 430", ("context.age", "430", "18 to 120")),
    "age that is no number": ('[context]\nage = "old"', ("context.age", "'old'", "age_75_plus")),
    "infinite duration": ("[context]\nduration = inf", ("context.duration", "inf", "0 to 5000")),
    "7 of 5 positive": ("[findings]\nsacroiliac_provocation = { positive = 7, of = 5 }", ("findings.sacroiliac_provocation",)),
    "7 positive of all": ("[findings]\nsacroiliac_provocation = { positive = 77 }", ("findings.sacroiliac_provocation", "77")),
    "4 of 4 without names": (
        '[findings]\nsacroiliac_provocation = "4 of 4"',
        ("findings.sacroiliac_provocation.of", "5 (thigh_thrust", "tests = ["),
    ),
    "a count in words": ('[findings]\nsacroiliac_provocation = "most"', ("findings.sacroiliac_provocation", '"4 of 5"')),
    "count of a list": (
        "[findings]\nsacroiliac_provocation = { positive = 1, of = [5] }",
        ("findings.sacroiliac_provocation.of",),
    ),
    "relief 130 %": (
        '[[procedures]]\nprocedure = "medial_branch_block"\nrelief_percent = 130',
        ("procedures[1].relief_percent", "130", "0 to 100"),
    ),
    "unknown procedure": (
        '[[procedures]]\nprocedure = "medial_block"',
        ("procedures[1].procedure", "did you mean 'medial_branch_block'"),
    ),
    "done tomorrow": (
        'assessed_on = 2026-01-01\n[[procedures]]\nprocedure = "mri"\ndate = 2026-01-02',
        ("procedures[1].date", "2026-01-02"),
    ),
    "unknown setting": ('setting = "hospital"', ("setting", "'hospital'", "primary_care")),
    "unknown rule set": ('rule_set = "payor"', ("rule_set", "did you mean 'payer'")),
    "side of a symptom without one": (
        '[findings]\npoor_sleep = { value = "present", side = "left" }',
        ("findings.poor_sleep", "'side'"),
    ),
    "likelihood without a value": (
        "[findings]\nstraight_leg_raise = { likelihood = { positive = 1 } }",
        ("negative is missing",),
    ),
    "a list": ("findings = [1, 2]", ("[findings]", "list")),
    "broken TOML": ('label = "a', ("bad.toml",)),
    "only spaces": ("  \n ", ("bad.toml", "empty", "spinecast new patient")),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_wrong_patient_is_refused_with_help(command, tmp_path, case):
    text, said = TABLES[case]
    (tmp_path / "bad.toml").write_text(text)
    command("assess", tmp_path / "bad.toml").refused(*said)


FILES = {
    "empty.toml": (b"", ("empty",)),
    "big.toml": (b"#" * 10_000_000, ("10,000,000 bytes", "at most 1,000,000")),
    "deep.json": (b"[" * 100_000 + b"]" * 100_000, ("nested more than 8 deep",)),
    "deep.yaml": (b"[" * 5_000 + b"]" * 5_000, ("nested more than 8 deep",)),
    "deep.toml": (b"a = " + b"[" * 5_000 + b"]" * 5_000, ("nested more than 8 deep",)),
    "nine.json": (b'{"a":' * 9 + b"1" + b"}" * 9, ("nested more than 8 deep",)),
    "latin.toml": ('label = "für"'.encode("latin-1"), ("not UTF-8", "byte 10")),
    "tabs.yaml": (b"findings:\n\tstraight_leg_raise: positive\n", ("tabs.yaml", "line 2")),
    "list.json": (b"[1, 2]", ("expected a table", "list")),
    "number.yaml": (b"3", ("expected a table", "int")),
    "broken.json": (b'{"a": ', ("broken.json", "line 1")),
    "patient.txt": (b"hello", (".toml", ".yaml", ".json")),
    "code.yaml": (b"!!python/object/apply:os.system ['true']", ("code.yaml",)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_refused_with_help(command, tmp_path, name):
    content, said = FILES[name]
    (tmp_path / name).write_bytes(content)
    command("assess", tmp_path / name).refused(name, *said)


def test_a_missing_file_and_a_folder(command, tmp_path):
    command("assess", tmp_path / "none.toml").refused("none.toml", "no such file")
    command("assess", tmp_path).refused("no such file")


OPTIONS = {
    "rule set": (("--rule-set", "payor"), ("--rule-set", "did you mean 'payer'", "guideline")),
    "negative willingness to pay": (("--wtp", "-5"), ("willingness_to_pay", "-5", "0 to 10,000,000")),
    "willingness to pay that is no number": (("--wtp", "nan"), ("willingness_to_pay", "nan")),
    "no horizon": (("--horizon", "0"), ("horizon_weeks", "1 to 104")),
    "far horizon": (("--horizon", "520"), ("horizon_weeks", "520", "1 to 104")),
    "depth": (("--depth", "9"), ("depth", "9", "1 to 4")),
    "draws": (("--draws", "0"), ("--draws", "0")),
    "seed": (("--seed", "x"), ("--seed", "x")),
    "figure suffix": (("--figure", "a.bmp"), ("--figure", "a.bmp", ".svg")),
    "figure folder": (("--figure", "nowhere/a.svg"), ("--figure", "folder that exists")),
    "priors": (("--priors", "nowhere"), ("--priors nowhere", "no such folder")),
    "option": (("--rulset", "payer"), ("--rulset", "--rule-set")),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_a_wrong_option_is_refused_with_help(command, case):
    given, said = OPTIONS[case]
    command("assess", SUITCASE, *given).refused(*said)


def test_a_missing_fit_is_no_fault_of_the_input(command, tmp_path):
    (tmp_path / "priors").mkdir()
    done = command("assess", SUITCASE, "--priors", tmp_path / "priors")
    assert done.code != 0
    assert done.out == ""
    assert "Traceback" not in done.err


def test_the_installed_command_refuses_too(tmp_path):
    """The entry point itself: code, streams and no traceback."""
    entry = Path(sys.executable).with_name("spinecast")
    done = subprocess.run([entry, "assess", tmp_path / "none.toml"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr
