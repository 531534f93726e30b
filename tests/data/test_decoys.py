"""Every law bites: each decoy breaks one law, and the message names file, field, value and nearest match.

A decoy is a few changes to `lawful/`, the smallest folder that keeps every law.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from spinecast.priors.check import Problem, check, format_problems
from spinecast.priors.laws import LAWS

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "priors" / "schema"
DECOYS = sorted((HERE / "decoys").glob("*.toml"))


def read(decoy: Path) -> dict[str, Any]:
    return tomllib.loads(decoy.read_text(encoding="utf-8"))


@pytest.fixture
def lawful(tmp_path: Path) -> Path:
    folder = tmp_path / "priors"
    shutil.copytree(HERE / "lawful", folder)
    shutil.copytree(SCHEMA, folder / "schema")
    return folder


def apply(change: dict[str, str], folder: Path) -> None:
    path = folder / change["file"]
    if "text" in change:
        path.write_text(change["text"], encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    assert change["find"] in text, f"the decoy no longer fits {change['file']}: {change['find']!r} is not there"
    path.write_text(text.replace(change["find"], change["put"]), encoding="utf-8")


def test_the_lawful_folder_is_lawful(lawful: Path) -> None:
    assert format_problems(check(lawful)) == "no problems found"


@pytest.mark.parametrize("decoy", DECOYS, ids=lambda path: path.stem)
def test_the_law_bites(decoy: Path, lawful: Path) -> None:
    told = read(decoy)
    for change in told["changes"]:
        apply(change, lawful)
    problems = check(lawful)
    assert {p.law for p in problems} == {told["law"]}, format_problems(problems)
    assert any(matches(p, told["expect"]) for p in problems), format_problems(problems)


def matches(problem: Problem, expect: dict[str, str]) -> bool:
    names = ("file", "field", "value", "nearest", "expected")
    stated = all(getattr(problem, name) == expect[name] for name in names if name in expect)
    message = str(problem)
    shown = [expect["file"], expect["field"], expect["value"], expect.get("nearest", "")]
    return stated and all(part in message for part in shown)


@pytest.mark.parametrize("law", ["schema", *(law.__name__ for law in LAWS)])
def test_every_law_has_a_decoy(law: str) -> None:
    assert law in {read(decoy)["law"] for decoy in DECOYS}, f"write tests/data/decoys/{law}.toml"
