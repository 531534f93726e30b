"""The commands against the project's priors with a quick fit of their own."""

from __future__ import annotations

import pytest

from helpers.command import Command
from helpers.fitted import fitted_priors


@pytest.fixture(scope="session")
def priors(tmp_path_factory):
    """Copy of the priors, fitted at the defaults."""
    return fitted_priors(tmp_path_factory.mktemp("priors"))


@pytest.fixture
def command(priors, monkeypatch, capfdbinary):
    """Run `spinecast ...` in this process; gives code, out and err."""
    monkeypatch.setenv("SPINECAST_PRIORS", str(priors))
    return Command(capfdbinary)
