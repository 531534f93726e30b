"""What holds for every command: help that reads well, examples that parse, and one way of refusing what is wrong."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

import click
import pytest
from click.shell_completion import BashComplete

from spinecast.cli import main
from spinecast.cli.main import VERBS, VerbGroup
from spinecast.resources import examples_folder

SUITCASE = examples_folder() / "suitcase.toml"
NAME = "Zebedee Quux"


def leaves(verbs=VERBS, path=()):
    for name, verb in verbs.items():
        if verb.verbs:
            yield from leaves(verb.verbs, (*path, name))
        else:
            yield (*path, name), verb


LEAVES = dict(leaves())
PATHS = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


def command_of(path):
    group = main.spinecast
    for name in path:
        group = VerbGroup.get_command(group, click.Context(group), name)
    return group


@PATHS
def test_the_help_says_all_in_a_hundred_columns(path, capsys):
    assert main.run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= main.WIDTH
    assert f"Example: spinecast {path[0]}" in " ".join(shown.split())
    silent = [p.name for p in command_of(path).params if isinstance(p, click.Option) and not p.help]
    assert silent == []
    assert not {"INTEGER", "FLOAT", "TEXT"} & set(shown.split())


@PATHS
def test_the_example_of_the_help_is_a_lawful_command_line(path, tmp_path, monkeypatch):
    (tmp_path / "my_priors" / "evidence").mkdir(parents=True)
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(LEAVES[path].example.partition(" > ")[0])
    if LEAVES[path].example != "spinecast rules":
        assert words[: len(path) + 1] == ["spinecast", *path]
    with main.environment_kept(main.PRIORS, main.FIT):
        command_of(path).make_context(path[-1], words[len(path) + 1 :])


READING = {
    "assess": ["FILE"], "plan": ["FILE"], "explain": ["FILE"], "what-if": ["FILE", "age=50"], "next": ["FILE"], "update": ["FILE", SUITCASE],
    "update, outcome": [SUITCASE, "FILE"], "rules compare": ["FILE"], "score": ["FILE", "out.csv"], "learn": ["FILE"], "evaluate": ["FILE"],
    "sensitivity": ["FILE"], "psa": ["FILE"], "voi": ["FILE"], "global": ["FILE"], "cite": ["FILE"], "validate": ["--rows", "FILE"],
    "assess, fit": [SUITCASE, "--fit", "FILE"],
}  # fmt: skip
"""Commands that read a file, with it as FILE."""

SUFFIX = {"score": "csv", "learn": "csv", "evaluate": "csv", "validate": "csv", "cite": "json", "assess, fit": "npz"}
WRONG = {
    "missing": None,
    "folder": None,
    "empty": b"",
    "of another kind": b"\x00\xff\xfe binary",
    "in another encoding": f'label = "{NAME} caf\xe9"\n'.encode("latin-1"),
    "not what it should be": f'label, "{NAME}\n[[[\n'.encode(),
}


@pytest.mark.parametrize(
    ("reader", "wrong"), [(r, w) for r in READING for w in WRONG if (r, w) != ("score", "not what it should be")]
)  # a line of one column is a table to score, whose rows are rejects
def test_a_wrong_file_is_named_and_none_of_it_is_printed(command, tmp_path, monkeypatch, reader, wrong):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"given.{SUFFIX.get(reader, 'toml')}"
    if wrong == "folder":
        file.mkdir()
    elif WRONG[wrong] is not None:
        file.write_bytes(WRONG[wrong])
    words = [file if word == "FILE" else word for word in READING[reader]]
    before = sorted(tmp_path.iterdir())
    done = command(*reader.partition(",")[0].split(), *words)
    done.refused("given.")
    assert NAME not in done.err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("suffix", "text"), [("yaml", "label: {name}\n a: [\n"), ("json", '{{"label": "{name}" 1')])
def test_a_file_that_does_not_parse_is_not_quoted(command, tmp_path, suffix, text):
    (tmp_path / f"p.{suffix}").write_text(text.format(name=NAME))
    done = command("assess", tmp_path / f"p.{suffix}")
    done.refused(f"p.{suffix}: ", "line 1" if suffix == "json" else "line ")
    assert NAME not in done.err


def test_an_empty_assessment_says_what_writes_one(command, tmp_path):
    (tmp_path / "a.json").write_text("")
    command("update", tmp_path / "a.json", SUITCASE).refused("`spinecast assess PATIENT --json` writes one")


def test_what_a_command_cannot_do_is_refused_before_any_file_is_read(command):
    for words, said in {
        ("assess", "none.toml", "--rule-set", "gideline"): "--rule-set: unknown 'gideline'; did you mean 'guideline'?",
        ("assess", "none.toml", "--value-in", "weeks"): "--value-in: unknown 'weeks'",
        ("assess", "none.toml", "--figure", "a.gif"): "--figure = 'a.gif' is not allowed: expected a file that ends in",
        ("assess", "none.toml", "--draws", "many"): "--draws = 'many' is not allowed: expected a whole number of at least 2",
        ("plan", "none.toml", "--begin-with", "facet_injektion"): "did you mean 'facet_injection'?",
        ("score", "none.csv", "out.csv", "--outputs", "rankings"): "--outputs: unknown 'rankings'; did you mean 'ranking'?",
        ("score", "none.csv", "out.csv", "--rule-set", "x"): "--rule-set: unknown 'x'",
        ("psa", "none.toml", "--wtp", "much"): "--wtp = 'much' is not allowed: expected a number",
        ("explain", "none.toml", "--only", "wait"): "--only: unknown 'wait'",
        ("simulate", "0"): "N = '0' is not allowed: expected a whole number from 1 to 10,000,000",
        ("export", "a.bif", "--setting", "spine"): "did you mean 'spine_clinic'?",
        ("score", SUITCASE.parent, "out.csv"): "expected a file, not a folder",
        ("serve", "--port", "1e9"): "--port = '1e9' is not allowed: expected a whole number from 0 to 65,535",
        ("serve", "--priors", "/nowhere"): "--priors /nowhere: there is no such folder",
    }.items():
        command(*words).refused(said)


def test_a_line_that_click_refuses_reads_like_the_others(command):
    for words, said in {
        ("assess",): "FILE is missing. Usage: spinecast assess [OPTIONS] FILE",
        ("what-if", SUITCASE): "NAME=VALUE is missing",
        ("assess", SUITCASE, "other.toml"): "unexpected extra argument (other.toml). Usage: spinecast assess",
        ("assess", SUITCASE, "--rule-sat", "payer"): "option of assess: unknown '--rule-sat'; did you mean '--rule-set'?",
        ("assess", SUITCASE, "--wtp"): "--wtp needs a value",
        ("assess", SUITCASE, "--json=yes"): "--json takes no value",
        ("new", "patent"): "did you mean 'patient'?",
    }.items():
        done = command(*words)
        done.refused(said)
        assert done.err.startswith("spinecast: ")
        assert len(done.err.splitlines()) == 1


def test_every_command_takes_another_knowledge_base(command, priors, tmp_path):
    """--priors holds while its command runs, and other options are names in it."""
    other = tmp_path / "other"
    shutil.copytree(priors, other)
    (other / "rule_sets" / "payer.toml").unlink()
    for words in (("assess", SUITCASE), ("rules", "compare", SUITCASE), ("update", SUITCASE, SUITCASE)):
        command(*words, "--priors", other, "--rule-set", "payer").refused("--rule-set: unknown 'payer'")
    assert os.environ["SPINECAST_PRIORS"] == str(priors)
    assert [path for path in LEAVES if "--priors" not in {o for p in command_of(path).params for o in p.opts}] == []


@pytest.mark.parametrize(
    ("module", "extra", "words"),
    [
        ("pyarrow", "tables", ("score", "people.csv", "out.csv")),
        ("pyarrow", "tables", ("simulate", 3, "--out", "people.parquet")),
        ("pyarrow", "tables", ("explain", SUITCASE, "--only", "weight", "--table", "why.parquet")),
        ("onnx", "onnx", ("export", "scorer.onnx")),
        ("pyarrow", "tables", ("psa", SUITCASE, "--table", "psa.parquet")),
        ("SALib", "analysis", ("global", SUITCASE)),
        ("fastapi", "service", ("serve",)),
        ("uvicorn", "service", ("serve",)),
    ],
)
def test_a_missing_extra_is_named_with_what_to_type(command, tmp_path, monkeypatch, module, extra, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("label,age\na,50\n")
    for name in [n for n in sys.modules if n.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    command(*words).refused(f"pip install 'spinecast[{extra}]'")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["people.csv"]


def test_an_unexpected_error_says_where_and_nothing_of_the_patient(command, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError(NAME)

    monkeypatch.setattr("spinecast.assessment.assess.assess", broken)
    done = command("assess", SUITCASE)
    assert (done.code, done.out) == (1, "")
    assert "unexpected RuntimeError at test_every_verb.py:" in done.err
    assert NAME not in done.err
    assert NAME in command("--debug", "assess", SUITCASE).err


def test_without_a_command_there_is_the_list(command):
    assert command() == command("--help")
    assert command("new") == command("new", "--help")


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "ass", {"assess"}),
        (["rules"], "", {"list", "compare"}),
        (["assess"], "--rule", {"--rule-set"}),
        (["assess", "--rule-set"], "", {"guideline", "payer", "roadmap", "nice_ng59", "bmj_2025"}),
        (["plan", "patient.toml", "--begin-with"], "caudal", {"caudal_epidural", "caudal_lysis"}),
        (["asess"], "fi", {"findings", "fit"}),
    ],
)
def test_a_shell_completes_commands_options_and_names(priors, monkeypatch, words, incomplete, offered):
    monkeypatch.setenv("SPINECAST_PRIORS", str(priors))
    shell = BashComplete(main.spinecast, {"obj": {}}, "spinecast", "_SPINECAST_COMPLETE")
    assert {item.value for item in shell.get_completions(words, incomplete)} == offered
