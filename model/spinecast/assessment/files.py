"""Read one patient file (TOML, YAML or JSON) into plain tables, with limits, and with errors that help."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from spinecast.errors import MalformedFileError

MOST_BYTES = 1_000_000
MOST_DEPTH = 8
SUFFIXES = (".toml", ".yaml", ".yml", ".json")


def read_patient_file(path: Path) -> dict[str, Any]:
    """One patient file as a table.

    Raises
    ------
    MalformedFileError
        Missing, empty, too large, of an unknown kind, not UTF-8, not well formed or nested too deeply.
    """
    if not path.is_file():
        raise MalformedFileError(f"{path}: there is no such file")
    if path.suffix not in SUFFIXES:
        raise MalformedFileError(f"{path}: a patient file ends in {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise MalformedFileError(f"{path}: {size:,} bytes; a patient file has at most {MOST_BYTES:,}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedFileError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if not text.strip():
        raise MalformedFileError(f"{path}: the file is empty; `spinecast new patient` writes a template")
    table = _parse(path, text)
    if not isinstance(table, dict):
        raise MalformedFileError(f"{path}: expected a table of sections, found {type(table).__name__}")
    if depth(table) > MOST_DEPTH:
        raise MalformedFileError(f"{path}: nested more than {MOST_DEPTH} deep")
    return table


def _parse(path: Path, text: str) -> Any:
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except RecursionError:
        raise MalformedFileError(f"{path}: nested more than {MOST_DEPTH} deep") from None
    except ValueError as error:
        raise MalformedFileError(f"{path}: {error}") from None
    except Exception as error:
        # yaml's errors share no base with ValueError, and yaml is imported only for yaml files.
        if type(error).__module__.startswith("yaml"):
            raise MalformedFileError(f"{path}: {' '.join(str(error).split())}") from None
        raise


def depth(value: Any) -> int:
    """Greatest nesting of tables and lists; without recursion, since the input is not trusted."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        item, level = stack.pop()
        deepest = max(deepest, level)
        if level > MOST_DEPTH:
            return level
        if isinstance(item, dict):
            stack += [(v, level + 1) for v in item.values()]
        elif isinstance(item, list):
            stack += [(v, level + 1) for v in item]
    return deepest
