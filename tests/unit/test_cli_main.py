"""The command table, and how a command ends."""

from __future__ import annotations

import click
import pytest

from spinecast import __version__
from spinecast.cli import main
from spinecast.errors import ArtefactError, MalformedFileError


@pytest.fixture
def failing(monkeypatch):
    """Make `spinecast fit` raise what the test gives."""

    def install(error):
        @click.command
        def fit():
            raise error

        monkeypatch.setattr(main.importlib, "import_module", lambda name: type("module", (), {"fit": fit}))

    return install


def test_version(capsys):
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"spinecast, version {__version__}\n"


def test_help_lists_every_command_without_importing_one(capsys, monkeypatch):
    monkeypatch.setattr(main.importlib, "import_module", lambda name: pytest.fail(f"imported {name}"))
    assert main.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in main.VERBS)
    assert "not a medical device" in shown


def test_an_unknown_command_is_an_input_error_with_the_nearest(capsys):
    assert main.run(["asess"]) == 2
    assert "did you mean 'assess'?" in capsys.readouterr().err


def test_an_unknown_option_is_an_input_error(capsys):
    assert main.run(["--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MalformedFileError("bad.toml: empty"), 2, "bad.toml: empty"),
        (ArtefactError("stale"), 1, "stale"),
        (RuntimeError("odd"), 1, "unexpected RuntimeError at test_cli_main.py"),
    ],
)
def test_an_error_is_a_message_and_no_traceback(failing, capsys, error, code, said):
    failing(error)
    assert main.run(["fit"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(failing, capsys):
    failing(RuntimeError("odd"))
    assert main.run(["--debug", "fit"]) == 1
    assert "Traceback" in capsys.readouterr().err


def _places(verbs, path=()):
    for name, verb in verbs.items():
        if verb.verbs:
            yield from _places(verb.verbs, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(_places(main.VERBS)), ids=" ".join)
def test_every_command_in_the_table_exists_and_explains_itself(path, capsys):
    assert main.run([*path, "--help"]) == 0
    assert "Usage: spinecast " + " ".join(path) in capsys.readouterr().out
