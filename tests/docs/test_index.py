"""Is everything that a user can call named where a user looks first?"""

from __future__ import annotations

import make_docs
import pytest

import spinecast
from spinecast.cli.main import VERBS


def text(*parts):
    return (make_docs.ROOT / "docs").joinpath(*parts).read_text(encoding="utf-8")


def test_the_index_names_every_command():
    index = text("README.md")
    assert [verb for verb in VERBS if f"`{verb}`" not in index and f"`{verb} " not in index] == []


def test_the_index_names_every_page():
    index = text("README.md")
    pages = [p for kind in ("tutorials", "how-to", "explanation") for p in (make_docs.ROOT / "docs" / kind).glob("*.md")]
    assert [p.name for p in pages if f"{p.parent.name}/{p.name}" not in index] == []


@pytest.mark.parametrize("name", [n for n in spinecast.__all__ if n != "__version__"])
def test_every_public_name_is_on_the_page_for_python_and_says_what_it_takes(name):
    assert f"`{name}" in text("how-to", "use-from-python.md")
    thing = getattr(spinecast, name)
    assert thing.__doc__
    if not isinstance(thing, type) and thing.__code__.co_argcount + thing.__code__.co_kwonlyargcount:
        assert "Parameters\n" in thing.__doc__
        assert "Raises\n" in thing.__doc__
