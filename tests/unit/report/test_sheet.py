"""Does a figure show itself in a notebook, the same way every time?"""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from spinecast.analysis.result import Basis, Chart, Column, Result
from spinecast.report.sheet import Sheet


def result(form="lines", names=("one", "two", "three"), **options):
    columns = (
        Column("x", [1.0, 2.0, 3.0], "weeks"),
        Column("y", [0.5, 5.0, 500.0], "USD"),
        Column("name", names),
        Column("group", ["a", "a", "b"]),
    )
    chart = Chart(form, *(("x", "y") if form in ("lines", "points") else ("y", "name")), **options)
    return Result("made", "Made for a test", columns, Basis("0", "0" * 12, "0" * 12), (), (chart,))


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure._repr_png_())).convert("RGB")).astype(int)


def test_the_same_figure_is_the_same_bytes_and_carries_no_metadata():
    first, second = result().figure()._repr_png_(), result().figure()._repr_png_()
    assert first == second
    assert not Image.open(io.BytesIO(first)).info.keys() & {"Software", "Creation Time"}


def test_the_palette_shows_what_was_drawn():
    figure = result("bars").figure()
    assert isinstance(figure, Sheet)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    there = np.asarray(Image.open(drawn).convert("RGB")).astype(int)
    assert np.abs(pixels(figure) - there).max() <= 8


def test_a_logarithmic_axis_has_plain_numbers():
    axes = result(log_y=True).figure().axes[0]
    assert axes.get_yscale() == "log"
    ticks = [axes.yaxis.get_major_formatter()(v, 0) for v in (0.5, 1000.0)]
    assert ticks == ["0.5", "1,000"]


def test_a_long_name_takes_two_lines_and_says_that_it_goes_on():
    axes = result("bars", names=("word " * 60, "two", "three")).figure().axes[0]
    label = axes.get_yticklabels()[0].get_text()
    assert label.count("\n") == 1
    assert label.endswith("…")


@pytest.mark.parametrize("form", ["bars", "tornado"])
def test_the_key_covers_no_bar(form):
    chart = {"by": "group"} if form == "bars" else {"low": "x", "high": "y"}
    figure = result(form, **chart).figure()
    figure.canvas.draw()
    axes = figure.axes[0]
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1
