"""Write the notebooks anew: `make notebooks`, or `python docs/make_notebooks.py 03 05` for some of them.

The text in `notebooks/NN_name.py` (jupytext's percent format) is what is edited; the `.ipynb` beside it is made from it and
executed. The same text, model and packages give the same file: cells are named by their place, and no time is written down.

SPINECAST_NOTEBOOK_DRAWS sets how many parameter draws the cells ask for; the tests ask for few.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

from spinecast.assessment.model import load_model

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}
TIMEOUT = 600

SETTINGS: Mapping[str, str] = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
"""Sums in one order, so that the last digit is the same on every machine of a kind."""


def sources() -> list[Path]:
    """The texts, in their order."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def read(source: Path) -> Any:
    """The notebook of a text, not executed."""
    book = jupytext.read(source, fmt="py:percent")
    for place, cell in enumerate(book.cells):
        cell["id"] = f"{source.stem[:2]}-{place:02d}"
        cell["metadata"] = {}
    book["metadata"] = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    book["nbformat"], book["nbformat_minor"] = 4, 5
    return book


def execute(book: Any, settings: Mapping[str, str]) -> Any:
    """Run every cell in a kernel of its own, in the folder of the notebooks.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell raised; the message shows it.
    """
    client = NotebookClient(
        book, timeout=TIMEOUT, kernel_name="python3", record_timing=False, coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    )  # fmt: skip
    done = client.execute(env={**os.environ, **SETTINGS, **settings})
    done["metadata"] = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    return done


def write(source: Path) -> Path:
    """Execute one text and write the notebook beside it, complete or not at all."""
    book = execute(read(source), {})
    model = load_model()
    book.metadata["spinecast"] = {"fit": model.fit_hash}
    nbformat.validate(book)
    path = source.with_suffix(".ipynb")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(nbformat.writes(book) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def main(chosen: Sequence[str]) -> None:
    """Write all notebooks, or those whose names begin with what is given."""
    found = [s for s in sources() if not chosen or any(s.name.startswith(c) for c in chosen)]
    if not found:
        sys.exit(f"no notebook begins with {', '.join(chosen)}; there are {', '.join(s.stem for s in sources())}")
    for source in found:
        path = write(source)
        print(f"wrote {path.relative_to(ROOT)}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
