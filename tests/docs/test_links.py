"""Does every link between our own pages lead somewhere?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ("generators", "findings", "procedures")
PAGES = sorted(
    p
    for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("priors/*.md"), *ROOT.glob("tests/*/README.md")]
    if p.parent.name not in GENERATED
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not gone


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [p for p in ROOT.glob("docs/*/*.md") if p.parent.name != "decisions"]
    assert [p.name for p in pages if p.relative_to(ROOT / "docs").as_posix() not in index] == []
