"""One worked patient, set up once for every analysis."""

from __future__ import annotations

import pytest

from spinecast.analysis.problem import problem
from spinecast.assessment.model import load_model
from spinecast.resources import examples_folder


@pytest.fixture(scope="session")
def model():
    return load_model()


@pytest.fixture(scope="session")
def suitcase(model):
    return problem(examples_folder() / "suitcase.toml", model=model)
