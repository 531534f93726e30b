"""One look for every figure of the project, in print and on a screen; the colours are those of `colours`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LANDSCAPE = (11.69, 8.27)
"""A4, inches."""

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "svg.hashsalt": "spinecast",
    "text.parse_math": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw with these settings and leave the caller's own as they were."""
    import matplotlib as mpl

    with mpl.rc_context(SETTINGS):
        yield


def save(figure: Any, path: Path) -> None:
    """Write a figure by the suffix of its path, without the date, so that the same answer is the same file."""
    dated = {".svg": "Date", ".pdf": "CreationDate"}.get(path.suffix)
    figure.savefig(path, metadata={dated: None} if dated else None)
