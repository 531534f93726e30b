"""Numbers as a reader sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinecast import wording
from spinecast.report import words


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.percent(0.0), "0 %"), (words.percent(0.001), "<1 %"), (words.percent(0.999), ">99 %"), (words.percent(1.0), "100 %"),
        (words.versus(0.54, 0.41), "54 vs 41 %"), (words.money(-10_119), "-10,120"), (words.money(4.9, signed=True), "0"),
        (words.money(210, signed=True), "+210"), (words.weeks(-0.01), "0.0"), (words.harms(0.63), "0.6"), (words.harms(912.4), "912"),
        (wording.words("L5_S1"), "L5-S1"), (wording.words("cauda_equina"), "cauda equina"), (wording.words("relief_80"), "relief 80 %+"), (wording.value_words("age", "age_65_74"), "65-74"),
        (wording.value_words("duration", "weeks_52_plus"), "weeks 52+"), (words.place("L5", "left"), "L5 left"),
        (words.percents(0.912, 0.98), "91 to 98 %"), (words.percents(0.001, 0.17), "<1 to 17 %"), (words.percents(0.996, 0.9999), ">99 %"),
        (words.percents(0.98, 1.0), "98 to >99 %"), (words.percents(0.0, 0.2), "<1 to 20 %"), (words.joined(["a"]), "a"), (words.joined(["a", "b", "c"]), "a, b or c"),
    ],
)  # fmt: skip
def test_shown(shown, expected):
    assert shown == expected


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted))
def test_a_bar_is_as_wide_as_it_is_said_to_be(ends):
    assert len(words.bar(*ends, 18)) == 18


@given(st.text())
def test_plain_text_has_no_control_characters(text):
    assert all(c.isprintable() for c in words.plain(text))
