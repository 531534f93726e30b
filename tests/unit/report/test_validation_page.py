"""The page of what lies inside and outside: every count, every question outside with its reason, every held-out one."""

from __future__ import annotations

from dataclasses import dataclass

from spinecast.report.validation_page import validation_page

COUNTS = {
    "inside": 1, "total": 2, "left_out_inside": 1, "left_out_total": 2, "held_out_inside": 0, "held_out_total": 1,
    "free_parameters": 1056, "effective_parameters": 220.6,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One question, as the page needs it."""

    id: str
    inside: bool
    why: str = ""
    measure: str = "spec"
    published: float = 0.47
    low: float = 0.416
    high: float = 0.525
    model: float = 0.586


FITTED = [Row("sign-sp", inside=False, why="model 0.586 is above 0.525; consecutive | referred"), Row("sign-se", inside=True)]
PAGE = validation_page(COUNTS, FITTED, [Row("three-of-five", inside=False)], priors="0123456789abcdef")


def test_every_count_is_told_with_its_share():
    assert "| fitted | 1 | 2 | 50% |" in PAGE
    assert "| held out, never fitted | 0 | 1 | 0% |" in PAGE
    assert "1,056 numbers were free, 221 of them in effect" in PAGE
    assert "`0123456789ab`" in PAGE


def test_what_is_outside_has_its_reason_and_no_pipe_breaks_the_table():
    assert "| `sign-sp` | spec | 0.47 | 0.416 to 0.525 | 0.586 | consecutive / referred |" in PAGE
    assert "sign-se" not in PAGE


def test_every_held_out_question_stands_there():
    assert "| `three-of-five` | spec | 0.47 | 0.416 to 0.525 | 0.586 | outside |" in PAGE


def test_nothing_asked_is_no_division_by_zero():
    assert "| fitted | 0 | 0 | 0% |" in validation_page({**COUNTS, "inside": 0, "total": 0}, [], [], priors="x")
