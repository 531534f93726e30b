"""What users get: sdist, the wheel built from that sdist, installed in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from spinecast import __version__

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output; on failure the test shows both streams."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPINECAST_", "PYTHONPATH"))}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """`python -m build` makes the wheel from the sdist, in an environment with the build backend only."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def spinecast(wheel, tmp_path_factory) -> Path:
    """The command of an environment that holds this wheel; what it needs is borrowed from the environment of the tests.

    The borrowed folder also holds the link to the checkout, but comes after the wheel on the path, and .pth files in
    it are not read: what runs is the wheel.
    """
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=home)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin" / "spinecast"


def test_the_wheel_holds_package_priors_and_examples(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "spinecast/errors.py",
        "spinecast/py.typed",
        "spinecast/data/priors/sources.bib",
        "spinecast/data/priors/schema/finding.json",
        "spinecast/data/examples/suitcase.toml",
    ):
        assert wanted in names
    assert {n.split("/")[0] for n in names} == {"spinecast", f"spinecast-{__version__}.dist-info"}
    assert not [n for n in names if "__pycache__" in n]


def test_every_priors_file_of_the_checkout_is_in_the_wheel(wheel):
    tracked = run("git", "ls-files", "priors", "examples", cwd=ROOT).split()
    names = set(zipfile.ZipFile(wheel).namelist())
    assert [t for t in tracked if (ROOT / t).exists() and f"spinecast/data/{t}" not in names] == []


def test_the_wheel_runs_and_not_the_checkout(spinecast, tmp_path):
    where = run(spinecast.parent / "python", "-c", "import spinecast; print(spinecast.__file__)", cwd=tmp_path)
    assert str(ROOT) not in where


def test_version(spinecast, tmp_path):
    assert run(spinecast, "--version", cwd=tmp_path) == f"spinecast, version {__version__}\n"


def test_priors_check(spinecast, tmp_path):
    assert "every law holds" in run(spinecast, "priors", "check", cwd=tmp_path)


def test_assess(spinecast, tmp_path):
    """The shipped example, read from outside any checkout."""
    (site,) = spinecast.parents[1].glob("lib/python*/site-packages")
    example = site / "spinecast" / "data" / "examples" / "suitcase.toml"
    assert "disc herniation" in run(spinecast, "assess", example, cwd=tmp_path)
