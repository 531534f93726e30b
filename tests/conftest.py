"""Fixed seeds, printed; a clean environment; one random generator for every test that wants one."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

SEED = 20_240_229

# The same examples every run, so that a failure reproduces. HYPOTHESIS_PROFILE=deep looks further, at random.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("deep", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_report_header() -> str:
    return f"spinecast seed: {SEED}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("SPINECAST_") and n != "SPINECAST_REWRITE_GOLDEN"]:
        monkeypatch.delenv(name)
