"""Do the notebooks run, and is what stands in the repository made from their text by today's fit?"""

from __future__ import annotations

import json
import re

import make_notebooks
import nbformat
import pytest

from spinecast.assessment.model import load_model

SOURCES = make_notebooks.sources()
MOST_BYTES = 400_000
FEW, FEW_FOR_REGRESSION = 20, 100
"""Parameter draws; the value of information is a regression on them and needs more."""

each = pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)


def written(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def outputs(book):
    return [o for cell in book.cells for o in cell.get("outputs", [])]


def test_there_are_nine_numbered_from_one_without_a_gap():
    assert [int(s.name[:2]) for s in SOURCES] == list(range(1, 10))


@pytest.mark.slow
@each
def test_a_notebook_runs_at_few_draws(source):
    draws = FEW_FOR_REGRESSION if "value_of_information" in source.read_text(encoding="utf-8") else FEW
    book = make_notebooks.execute(make_notebooks.read(source), {"SPINECAST_NOTEBOOK_DRAWS": str(draws)})
    assert sum("image/png" in o.get("data", {}) for o in outputs(book)) >= 1


@each
def test_text_and_notebook_have_the_same_cells(source):
    text, book = make_notebooks.read(source), written(source)
    assert [(c.id, c.cell_type, c.source) for c in book.cells] == [(c.id, c.cell_type, c.source) for c in text.cells], (
        "`make notebooks`"
    )


@each
def test_a_notebook_is_executed_in_order_by_the_fit_of_today(source):
    book = written(source)
    nbformat.validate(book)
    code = [c for c in book.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    assert book.metadata["spinecast"] == {"fit": load_model().fit_hash}, "fitted anew since: `make notebooks`"


@each
def test_a_code_host_can_show_it(source):
    path = source.with_suffix(".ipynb")
    assert path.stat().st_size < MOST_BYTES
    shown = outputs(written(source))
    assert any("image/png" in o.get("data", {}) for o in shown)
    assert not [o for o in shown if o.output_type == "error" or o.get("name") == "stderr"]
    kinds = {kind for o in shown for kind in o.get("data", {})}
    assert kinds <= {"image/png", "text/html", "text/plain"}


@each
def test_nothing_of_the_machine_is_in_it(source):
    book = json.loads(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    said = json.dumps([c["source"] for c in book["cells"]]) + json.dumps(
        [{k: v for k, v in o.get("data", o).items() if k != "image/png"} for c in book["cells"] for o in c.get("outputs", [])]
    )
    assert not re.search(r"/tmp/|/home/|/work/|/root/|0x[0-9a-f]{8}", said)
    assert all(c["metadata"] == {} for c in book["cells"])


@each
def test_it_asks_first_and_says_last_what_would_overturn_it(source):
    cells = written(source).cells
    assert re.match(rf"# {int(source.name[:2])}\. .*\?", cells[0].source)
    assert "**What would overturn it.**" in cells[-1].source
    assert any(c.source.startswith("## What was learned") for c in cells)
