"""All of `priors/` in one JSON file, so that starting up does not mean parsing three hundred.

The bundle holds the very tables that the files hold (of the evidence, the rows that are cited or asked), and the hash of
the files that it was made from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spinecast.errors import ArtefactError
from spinecast.priors.reader import content_hash, from_tables, network_hash, read_priors, read_tables, strings
from spinecast.priors.records import Priors

BUNDLE = Path("fitted") / "knowledge.json"


ASKED = ("fit", "holdout")


def write_bundle(folder: Path) -> Path:
    """Write the bundle beside the fit; complete or not at all."""
    path = folder / BUNDLE
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".tmp")
    text = json.dumps(_without_uncited(read_tables(folder)), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def _without_uncited(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables without the background rows that no file cites: those are for readers."""
    cited = strings([v for k, v in tables.items() if k != "evidence"])
    rows = {name: [r for r in table if r["id"] in cited or r["use"] in ASKED] for name, table in tables["evidence"].items()}
    return {**tables, "evidence": rows, "network_hash": network_hash(tables)}


def load_priors(folder: Path) -> Priors:
    """Priors from the bundle where it matches the files, from the files where it does not.

    Raises
    ------
    ArtefactError
        The bundle is there but cannot be read.
    """
    path = folder / BUNDLE
    if not path.exists():
        return read_priors(folder)
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))
        if tables["content_hash"] == content_hash(folder):
            return from_tables(tables, folder)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{path} is corrupt ({error}); delete it or run `spinecast fit` to write it anew") from None
    return read_priors(folder)
