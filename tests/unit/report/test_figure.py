"""The sheet: it draws, it says what it rests on, nothing lies off the page, and it leaves matplotlib as it was."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from helpers.answers import answer, urgent
from spinecast.report import colours, style
from spinecast.report.figure import draw, sheet


def texts(figure):
    """Every text on the figure."""
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text()]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_same_answer_is_the_same_file(tmp_path, suffix):
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    draw(answer(), one)
    draw(answer(), two)
    assert one.read_bytes() == two.read_bytes() != b""


def test_title_caption_and_plan():
    said = " ".join(" ".join(texts(sheet(answer()))).split())
    for part in (
        "Six weeks of left sciatica", "200 draws, seed 7", "priors abababab", "Rule set guideline", "probability, %", "half relief or more, %",
        "value over waiting, USD", "Week 2: Transforaminal epidural", "if it does not fit", "not a medical device", "✕ Facet radiofrequency",
    ):  # fmt: skip
        assert part in said, part


def test_an_alarm_is_on_the_sheet_in_its_colour():
    (alarm,) = [t for t in sheet(urgent()).findobj(mpl.text.Text) if t.get_text().startswith("Bladder")]
    assert alarm.get_color() == colours.VERMILLION


def test_no_text_leaves_the_page_and_none_is_too_small():
    with style.styled():
        figure = sheet(answer())
        figure.canvas.draw()
        page = figure.bbox
        for t in figure.findobj(mpl.text.Text):
            if t.get_visible() and t.get_text().strip():
                box = t.get_window_extent()
                assert box.x0 >= page.x0 - 1, t.get_text()
                assert box.x1 <= page.x1 + 1, t.get_text()
                assert t.get_fontsize() >= 6.5, t.get_text()


def test_dollar_signs_are_text_and_no_formula():
    with style.styled():
        figure = sheet(answer(label=r"$\frac$ costs $5"))
        figure.canvas.draw()  # a formula that is none would fail here
        (title,) = (t for t in figure.findobj(mpl.text.Text) if "costs" in t.get_text())
        assert title.get_text().replace(r"\$", "$") == r"$\frac$ costs $5"


def test_settings_of_the_caller_are_left_alone(tmp_path):
    before = dict(mpl.rcParams)
    draw(answer(), tmp_path / "a.svg")
    assert dict(mpl.rcParams) == before
