"""results.json: what each benchmark puts in, `ours / other` in one run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).with_name("results.json")


def row(name: str, ours: Sequence[float], other: Sequence[float], unit: str) -> dict[str, object]:
    """One entry: medians of both sides, and of `other / ours` within a repeat."""
    ratios = np.array(other) / np.array(ours)
    return {
        "name": name,
        "ours": float(np.median(ours)),
        "other": float(np.median(other)),
        "ratio_min": float(ratios.min()),
        "ratio_median": float(np.median(ratios)),
        "ratio_max": float(ratios.max()),
        "unit": unit,
    }


def merge(rows: Sequence[dict[str, object]], *begins: str) -> None:
    """Put entries into the file in the place of those of the same subject (what stands before ` / `) or whose names begin so; print them."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    mine = {_subject(entry) for entry in rows}
    kept = [entry for entry in before if _subject(entry) not in mine and not str(entry["name"]).startswith(begins)]
    RESULTS.write_text(json.dumps([*rows, *kept], indent=2) + "\n", encoding="utf-8")
    for entry in rows:
        print(
            f"{entry['name']:<95} {entry['ours']:10.3g} {entry['other']:10.3g} {entry['unit']:<20} "
            f"{entry['ratio_min']:8.2f} {entry['ratio_median']:8.2f} {entry['ratio_max']:8.2f} x"
        )


def _subject(entry: Mapping[str, object]) -> str:
    return str(entry["name"]).partition(" / ")[0]
