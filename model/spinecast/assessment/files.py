"""Read one patient file (TOML, YAML or JSON) into plain tables, with limits, and with errors that help."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from spinecast.errors import MalformedFileError, MissingFileError

MOST_BYTES = 1_000_000
MOST_DEPTH = 8
SUFFIXES = (".toml", ".yaml", ".yml", ".json")


ANSWER_BYTES, ANSWER_DEPTH = 20_000_000, 60
"""Limits of an answer of ours that is read back: a plan is a deep tree."""


def read_patient_file(path: Path, *, what: str = "patient") -> dict[str, Any]:
    """One patient file, or an outcome file, as a table.

    Raises
    ------
    MalformedFileError
        Missing, empty, too large, of an unknown kind, not UTF-8, not well formed or nested too deeply.
    """
    return _read(path, what, f"`spinecast new {what}` writes a template", MOST_BYTES, MOST_DEPTH)


def read_record(path: Path) -> dict[str, Any]:
    """A patient file, or an answer that `assess --json` or `update --json` wrote; errors as for `read_patient_file`."""
    return _read(path, "patient", "`spinecast assess PATIENT --json` writes one", ANSWER_BYTES, ANSWER_DEPTH)


def _read(path: Path, what: str, remedy: str, most_bytes: int, most_depth: int) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFileError(path)
    if path.suffix not in SUFFIXES:
        raise MalformedFileError(f"{path}: {article(what)} file ends in {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size > most_bytes:
        raise MalformedFileError(f"{path}: {size:,} bytes; {article(what)} file has at most {most_bytes:,}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedFileError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if not text.strip():
        raise MalformedFileError(f"{path}: the file is empty; {remedy}")
    table = _parse(path, text, most_depth)
    if not isinstance(table, dict):
        raise MalformedFileError(f"{path}: expected a table of sections, found {type(table).__name__}")
    if depth(table, most_depth) > most_depth:
        raise MalformedFileError(f"{path}: nested more than {most_depth} deep")
    return table


def article(word: str) -> str:
    """A word with its article: an outcome, a patient."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _parse(path: Path, text: str, most_depth: int) -> Any:
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix == ".json":
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except RecursionError:
        raise MalformedFileError(f"{path}: nested more than {most_depth} deep") from None
    except ValueError as error:
        raise MalformedFileError(f"{path}: not {path.suffix[1:].upper()}: {error}") from None
    except Exception as error:
        # yaml's errors share no base with ValueError, and yaml is imported only for yaml files.
        if type(error).__module__.startswith("yaml"):
            raise MalformedFileError(f"{path}: not YAML: {_yaml_problem(error)}") from None
        raise


def _yaml_problem(error: Any) -> str:
    """What is wrong and where, without the line itself: it is a patient's."""
    mark = getattr(error, "problem_mark", None)
    where = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{getattr(error, 'problem', None) or type(error).__name__}{where}"


def depth(value: Any, most: int = MOST_DEPTH) -> int:
    """Greatest nesting of tables and lists; without recursion, since the input is not trusted."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        item, level = stack.pop()
        deepest = max(deepest, level)
        if level > most:
            return level
        if isinstance(item, dict):
            stack += [(v, level + 1) for v in item.values()]
        elif isinstance(item, list):
            stack += [(v, level + 1) for v in item]
    return deepest
