"""Does every example of the documentation run, and print what it says?"""

from __future__ import annotations

import re

import make_docs
import pytest


def comparable(text):
    """Without the hashes, which change with every comma in the priors."""
    return re.sub(r"(priors|fit) [0-9a-f]{12}", r"\1 ____________", text)


@pytest.mark.slow
@pytest.mark.parametrize("page", make_docs.example_pages(), ids=lambda p: p.stem)
def test_the_examples_of_a_page(page, tmp_path):
    made = make_docs.run_page(page, tmp_path.resolve())
    assert comparable(made) == comparable(page.read_text(encoding="utf-8")), "an output changed; if that is meant: `make docs`"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("```python\n1 / 0\n```", "ZeroDivisionError"),
        ("```console\n$ spinecast asess x.toml\n```", "asess"),
        ("```toml\na = 1\n```", "needs"),
    ],
)
def test_what_does_not_run_is_an_error(tmp_path, monkeypatch, block, said):
    page = tmp_path / "page.md"
    page.write_text(block + "\n")
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    for name in ("priors", "examples", "work"):
        (tmp_path / name).mkdir()
    with pytest.raises(make_docs.ExampleError, match=said):
        make_docs.run_page(page, tmp_path / "work")


def test_outputs_are_put_in_and_kept_as_short_as_they_were(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n?\n```\n\n```console\n$ printf '1\\n2\\n3\\n'\n?\n...\n$ true\n```\n")
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    for name in ("priors", "examples", "work"):
        (tmp_path / name).mkdir()
    made = make_docs.run_page(page, tmp_path / "work")
    assert "```text\n1\n```" in made
    assert "'1\\n2\\n3\\n'\n1\n...\n$ true\n```" in made
