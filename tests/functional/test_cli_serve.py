"""`spinecast serve` before it serves: what is missing or wrong is said at once. The running service is test_service's."""

from __future__ import annotations

import sys

import pytest

from spinecast.errors import MissingExtraError


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "pyarrow"])
def test_a_missing_package_says_what_to_install(module, command, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    done = command("serve")
    assert done.code == MissingExtraError.exit_code
    assert "pip install 'spinecast[service]'" in done.err
    assert "Traceback" not in done.err


def test_wrong_options_are_refused(command, tmp_path):
    command("serve", "--priors", tmp_path / "no").refused("there is no such folder")
    command("serve", "--port", "70000").refused("--port")
    command("serve", "--rows", "0").refused("--rows")


def test_a_missing_onnx_says_what_to_install(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    done = command("export", tmp_path / "scorer.onnx")
    assert "pip install 'spinecast[onnx]'" in done.err
    assert not list(tmp_path.iterdir())
