"""All of `priors/` in one JSON file, so that starting up does not mean parsing three hundred.

The bundle holds the very tables that the files hold (of the evidence, the rows that are cited or asked), and the sizes and
the hash of the files that it was made from. Files that were not touched since are not read to see that they are the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinecast.errors import ArtefactError
from spinecast.priors.reader import (
    CONTENT_FOLDERS,
    content_files,
    content_hash,
    from_tables,
    network_hash,
    outcome_hash,
    packed,
    read_priors,
    read_tables,
    strings,
)
from spinecast.priors.records import Priors
from spinecast.resources import priors_folder

BUNDLE = Path("fitted") / "knowledge.json"


ASKED = ("fit", "holdout")
FIRST_LINE = 2
"""Line of the first row of a CSV file, as an editor counts."""


def write_bundle(folder: Path) -> Path:
    """Write the bundle beside the fit; complete or not at all."""
    path = folder / BUNDLE
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".tmp")
    sizes = {p.relative_to(folder).as_posix(): p.stat().st_size for p in content_files(folder)}
    text = json.dumps(
        {**_without_uncited(read_tables(folder)), "sizes": sizes}, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def _without_uncited(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables without the background rows that no file cites: those are for readers."""
    cited = strings([v for k, v in tables.items() if k != "evidence"])
    rows = {
        name: [(r, line) for line, r in enumerate(table, start=FIRST_LINE) if r["id"] in cited or r["use"] in ASKED]
        for name, table in tables["evidence"].items()
    }
    return packed({**tables, "evidence": rows, "network_hash": network_hash(tables), "outcome_hash": outcome_hash(tables)})


def load_priors(folder: Path | str | None = None) -> Priors:
    """Priors from the bundle where it matches the files, from the files where it does not.

    Parameters
    ----------
    folder : Path or str, optional
        A knowledge base; by default the one that SPINECAST_PRIORS names or that spinecast came with.

    Raises
    ------
    PriorsError
        The knowledge base breaks a law that reading depends on.
    ArtefactError
        The bundle is there but cannot be read.
    """
    folder = Path(folder) if folder is not None else priors_folder()
    path = folder / BUNDLE
    if not path.exists():
        return read_priors(folder)
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))
        if _unchanged(folder, path, tables["sizes"]) or _same(folder, path, tables["content_hash"]):
            return from_tables(tables, folder)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{path} is corrupt ({error}); delete it or run `spinecast fit` to write it anew") from None
    return read_priors(folder)


def _unchanged(folder: Path, bundle: Path, sizes: Mapping[str, int]) -> bool:
    """Every file is as long as it was, none is new, and none was touched after the bundle was: then none was changed."""
    written = _touched(bundle.stat())
    found = 0
    for kind in filter(os.path.isdir, (folder / name for name in CONTENT_FOLDERS)):
        with os.scandir(kind) as entries:
            for entry in entries:
                if entry.name.endswith((".toml", ".csv")):
                    state = entry.stat()
                    found += 1
                    if sizes.get(f"{kind.name}/{entry.name}") != state.st_size or _touched(state) > written:
                        return False
    alone = [folder / name for name in sizes if "/" not in name]
    found += len(alone)
    return found == len(sizes) and all(p.stat().st_size == sizes[p.name] and _touched(p.stat()) <= written for p in alone)


def _touched(state: os.stat_result) -> int:
    """When the content or (where the system tells: a copy that keeps its date, a file put in its place) the entry changed."""
    return max(state.st_mtime_ns, state.st_ctime_ns)


def _same(folder: Path, bundle: Path, expected: str) -> bool:
    """The files have the content that the bundle was made from; if so, the next start need not read them to know."""
    if content_hash(folder) != expected:
        return False
    with contextlib.suppress(OSError):  # a folder that may not be written to is read each time
        bundle.touch()
    return True
