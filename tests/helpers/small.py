"""The small priors of tests/engines: copies of them to change, and their network."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

from spinecast.network.build import build_network
from spinecast.network.model import Network
from spinecast.priors.reader import read_priors
from spinecast.priors.records import Priors

SMALL = Path(__file__).parents[1] / "engines" / "small_priors"


def copied(folder: Path) -> Path:
    """A copy below `folder` that a test may change."""
    return Path(shutil.copytree(SMALL, folder / "small_priors"))


def replaced(folder: Path, file: str, old: str, new: str) -> Path:
    """The folder with a text in one of its files replaced."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


def with_rows(folder: Path, *rows: dict[str, Any]) -> Path:
    """The folder with more evidence rows, every field as text."""
    path = folder / "evidence" / "small.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        columns = list(csv.DictReader(handle).fieldnames or ())
    with path.open("a", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        for one in rows:
            writer.writerow({"source": "made2003", "setting": "spine_clinic", "seen_in": "abstract", "use": "fit", **one})
    return folder


def network(folder: Path = SMALL) -> tuple[Network, Priors]:
    """The network at its defaults, and what it was built from."""
    priors = read_priors(folder)
    return build_network(priors), priors
