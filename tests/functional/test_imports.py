"""What a start loads: seconds are lost by one careless import."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = ("pgmpy", "pandas", "scipy.stats", "matplotlib")


def loaded_by(statement: str) -> set[str]:
    """Modules that a fresh interpreter holds after one statement."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("package", ["network", "engines", "decision", "assessment"])
def test_the_scoring_path_loads_nothing_slow(package):
    """Every module of the package, not only its __init__, but for the pgmpy adapters' own functions."""
    walk = (
        f"import importlib, pkgutil, spinecast.{package} as p\n"
        "for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.'): importlib.import_module(m.name)"
    )
    assert not loaded_by(walk) & set(SLOW)


def test_priors_load_without_numpy():
    assert "numpy" not in loaded_by("import spinecast.priors.reader, spinecast.priors.check")


def test_the_command_line_starts_without_numpy():
    assert "numpy" not in loaded_by("import spinecast.cli.main")


def test_a_forecaster_loads_nothing_slow():
    assert not loaded_by("import spinecast; spinecast.Forecaster.load()") & {*SLOW, "pyarrow"}


def test_an_assessment_loads_no_masked_arrays():
    """`numpy.quantile`, `numpy.unique` and their like load numpy.ma: a twentieth of a start, for nothing."""
    ask = "from spinecast import assess; assess({'findings': {'leg_pain_below_knee': 'present'}}, depth=2, draws=20)"
    assert "numpy.ma" not in loaded_by(ask)
