"""No number that belongs in priors/ stands in Python.

A function may hold 0 to 4, a half and powers of ten. A number at module level has a name, which is reason enough
for a count (MOST_CELLS); a fraction has a comment or a docstring beside it as well. Every other one is named in
numerals.toml with its reason.
"""

from __future__ import annotations

import ast
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "model" / "spinecast"
ALLOWED = tomllib.loads((Path(__file__).parent / "numerals.toml").read_text(encoding="utf-8"))
DRAWING = ("cli", "report")
"""Packages whose numbers are layout."""

FILES = [p for p in sorted(ROOT.rglob("*.py")) if p.relative_to(ROOT).parts[0] not in DRAWING]


def plain(value: float) -> bool:
    value = abs(value)
    power = value > 0 and math.isclose(math.log10(value), round(math.log10(value)), abs_tol=1e-12)
    return value in (0, 1, 2, 3, 4, 0.5) or power


def numbers(tree: ast.AST) -> Iterator[tuple[int, float]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and not plain(node.value):
            yield node.lineno, abs(node.value)


def in_functions(path: Path) -> Iterator[tuple[int, float]]:
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            yield from numbers(statement)


def unexplained_constants(path: Path) -> Iterator[int]:
    """Lines of module-level assignments that hold a fraction and have neither a comment nor a docstring beside them."""
    text = path.read_text(encoding="utf-8")
    lines, body = text.splitlines(), ast.parse(text).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and any(v % 1 for _, v in numbers(statement)):
            own = lines[max(statement.lineno - 2, 0) : (statement.end_lineno or statement.lineno) + 1]
            told = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            if not told and not any("#" in line.replace("# fmt: skip", "") for line in own):
                yield statement.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_numbers_in_functions_have_a_reason(path: Path) -> None:
    reasons = ALLOWED["anywhere"] | ALLOWED.get(path.relative_to(ROOT).as_posix(), {})
    without = [f"{path.name}:{line}: {value:g}" for line, value in in_functions(path) if f"{value:g}" not in reasons]
    assert without == [], "put the number into priors/, or name it with its reason in tests/data/numerals.toml"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_numbers_of_a_module_are_explained(path: Path) -> None:
    assert [f"{path.name}:{line}" for line in unexplained_constants(path)] == []


@pytest.mark.parametrize("file", [file for file in ALLOWED if file != "anywhere"])
def test_every_reason_is_still_needed(file: str) -> None:
    used = {f"{value:g}" for _, value in in_functions(ROOT / file)}
    assert set(ALLOWED[file]) <= used, "the number is gone: take its line out of tests/data/numerals.toml"
