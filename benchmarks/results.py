"""results.json: what each benchmark puts in, under names that begin with its own word."""

from __future__ import annotations

import json
from collections.abc import Sequence
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


def merge(word: str, rows: Sequence[dict[str, object]]) -> None:
    """Replace the entries whose names begin with `word: ` and keep the others; print the new ones."""
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    kept = [entry for entry in before if not str(entry["name"]).startswith(f"{word}: ")]
    RESULTS.write_text(json.dumps([*kept, *rows], indent=2) + "\n", encoding="utf-8")
    for entry in rows:
        print(
            f"{entry['name']:<84} {entry['ours']:10.4g} {entry['other']:10.4g} {entry['unit']:<16} {entry['ratio_median']:8.2f} x"
        )
