"""The public names are there, are looked up late, and cannot be hidden by a package."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import spinecast


@pytest.mark.parametrize("name", spinecast.__all__)
def test_every_public_name_resolves(name):
    assert getattr(spinecast, name) is not None


def test_importing_spinecast_imports_no_module_of_it():
    code = "import spinecast, sys; print([m for m in sys.modules if m.startswith('spinecast.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_public_name_is_that_of_a_module():
    """`import spinecast.x` would silently put the module in the place of the public x."""
    modules = {m.name for m in pkgutil.iter_modules(spinecast.__path__)}
    assert not modules & set(spinecast.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = spinecast.nonsense


def test_dir_lists_the_public_names():
    assert dir(spinecast) == sorted(spinecast.__all__)
