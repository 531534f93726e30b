"""A result is plain data: it is written, read again, drawn and cited without loss."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spinecast.analysis.result import FORMS, Basis, Chart, Column, Result, read_cited
from spinecast.cli.main import run
from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.priors.bibliography import read_sources
from spinecast.report.charts import DRAWN
from spinecast.report.tables import text_of
from spinecast.resources import priors_folder

BASIS = Basis("0.1.0", "ab" * 32, "cd" * 32, draws=1000, seed=7, subject="One patient", choices={"willingness_to_pay": 100_000.0})


def made(**changes):
    columns = (
        Column("name", ["slope", "leak of the test", "prevalence"]),
        Column("value", np.array([0.5, 0.25, np.nan]), "probability", "posterior"),
        Column("low", [0.4, 0.2, 0.0], "probability"),
        Column("high", [0.6, 0.4, 1.0], "probability"),
        Column("count", np.array([1, 2, 3])),
    )
    result = Result("test", "A test", columns, BASIS, ("koes2006", "deyo1992", "koes2006"), (), ("One note.",))
    return replace(result, **changes)


def test_json_is_read_again_as_the_same_result():
    result = made(charts=(Chart("bars", "value", "name"),))
    assert Result.from_dict(json.loads(result.to_json())) == result


def test_numpy_becomes_plain_and_nan_an_empty_cell():
    result = made()
    assert result["value"] == (0.5, 0.25, None)
    assert all(type(v) is int for v in result["count"])
    assert "prevalence,,0.0,1.0,3" in result.to_csv()


def test_sources_are_sorted_and_stand_once():
    assert made().sources == ("deyo1992", "koes2006")


def test_the_table_carries_units_and_what_it_rests_on():
    table = made().table
    assert table.schema.field("value").metadata == {b"unit": b"probability", b"label": b"posterior"}
    about = json.loads(table.schema.metadata[b"spinecast"])
    assert about["sources"] == ["deyo1992", "koes2006"]
    assert about["basis"]["seed"] == 7


def test_the_frame_carries_units():
    frame = made().frame
    assert frame.attrs["units"]["value"] == "probability"
    assert list(frame["count"]) == [1, 2, 3]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_are_written_whole(tmp_path, suffix):
    made().write(tmp_path / f"table{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"table{suffix}"]


def test_the_caption_states_draws_seed_version_and_hashes():
    assert BASIS.caption == (
        "One patient; 1,000 draws; seed 7; willingness to pay 100,000; spinecast 0.1.0, priors abababababab, fit cdcdcdcdcdcd."
    )


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: Column("two words", [1]), "letters, digits"),
        (lambda: Column("x", [[1, 2]]), "text, a number"),
        (lambda: made(columns=(Column("a", [1]), Column("b", [1, 2]))), "equal length"),
        (lambda: made(columns=(Column("a", [1]), Column("a", [2]))), "no name twice"),
        (lambda: made().write(priors_folder() / "x.xlsx"), "csv or .parquet"),
        (lambda: made().save_figure(priors_folder() / "x.gif"), ".svg"),
        (lambda: made().figure(), "a result with a chart"),
    ],
)
def test_what_is_not_lawful_is_refused(broken, message):
    with pytest.raises(InvalidValueError, match=message):
        broken()


def test_a_chart_of_a_column_that_is_not_there_is_refused():
    with pytest.raises(UnknownIdError, match="did you mean 'value'"):
        made(charts=(Chart("bars", "valu", "name"),))
    with pytest.raises(UnknownIdError, match="chart form"):
        Chart("pie", "value", "name")


def test_every_form_is_drawn():
    assert set(DRAWN) == set(FORMS)


@pytest.mark.parametrize(
    "chart",
    [
        Chart("bars", "value", "name", "low", "high", by="name", reference=0.3),
        Chart("tornado", "value", "name", "low", "high"),
        Chart("lines", "count", "value", "low", "high", title="Lines"),
        Chart("points", "low", "high", by="name", diagonal=True),
        Chart("heat", "low", "high", z="value"),
        Chart("heat", "low", "high", z="name"),
    ],
)
def test_figures_have_a_caption_and_every_suffix(tmp_path, chart):
    result = made(charts=(chart,))
    texts = [t.get_text() for t in result.figure().texts]
    assert texts[0] == "A test"
    assert "1,000 draws" in texts[1]
    result.save_figure(tmp_path / "figure.svg")
    assert [p.name for p in tmp_path.iterdir()] == ["figure.svg"]


def test_a_key_does_not_stand_on_the_title():
    """A long key and a long title share the space above the bars: the title stands higher, whatever their length."""
    names = ["a rather long name of a series", "another rather long name of one", "a third one with a long name too"]
    columns = (Column("name", names), Column("value", [1.0, 2.0, 3.0], "USD"))
    figure = made(
        columns=columns, charts=(Chart("bars", "value", "name", by="name", title="A long title over the whole panel " * 2),)
    ).figure()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_legend().get_window_extent().y1 <= axes.title.get_window_extent().y0 + 1


def test_axes_of_a_grid_carry_units_and_thousands():
    columns = (
        Column("cost", [500, 1500], "USD"),
        Column("share", [0.1, 0.2], "probability"),
        Column("gain", [1.0, 2.0], "weeks"),
    )
    figure = made(columns=columns, charts=(Chart("heat", "share", "cost", z="gain"),)).figure()
    figure.draw_without_rendering()
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("share, probability", "cost, USD")
    assert any("1," in t.get_text() for t in figure.axes[0].get_yticklabels())


def test_notebooks_show_a_result_as_a_table_with_its_notes():
    """Columns of detail are left to the files; a plain print says what it is."""
    columns = (Column("a", [1.5, 2.5], "weeks"), Column("b", ["x", "y"], detail=True))
    result = made(columns=columns)
    shown = result._repr_html_()
    assert "<table>" in shown
    assert "One note." in shown
    assert "1,000 draws" in shown
    assert ">b<" not in shown
    assert repr(result) == "<Result test: A test; 2 rows>"


def test_text_fits_the_terminal_and_says_what_it_left_out():
    text = text_of(made(), colour=False, most=2)
    assert max(map(len, text.splitlines())) <= 100
    assert "1 more rows" in text
    assert "prevalence" not in text


def test_html_escapes_and_shows_units():
    shown = made(columns=(Column("a", ["<b>"]), Column("b", [1.0], "weeks")))._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "b, weeks" in shown


def test_cite_prints_exactly_the_sources(tmp_path, capsys):
    keys = sorted(read_sources(priors_folder() / "sources.bib"))[:2]
    result = made(sources=tuple(keys))
    for name in ("result.json", "result.parquet"):
        path = tmp_path / name
        path.write_text(result.to_json()) if path.suffix == ".json" else result.write(path)
        assert read_cited(path) == tuple(keys)
        assert run(["cite", str(path)]) == 0
        assert capsys.readouterr().out.count("@") == 2
    assert result.cite(priors_folder()).count("@") == 2


def test_cite_reads_an_assessment(tmp_path, capsys):
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"provenance": {"sources": []}}))
    assert run(["cite", str(path), "--keys"]) == 0


@pytest.mark.parametrize("text", ["{}", "[1]", "not json"])
def test_cite_refuses_what_names_no_sources(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(MalformedFileError):
        read_cited(path)
    assert run(["cite", str(path)]) == 2
    assert run(["cite", str(tmp_path / "absent.json")]) == 2


def test_polars_takes_the_table():
    polars = pytest.importorskip("polars")
    frame = polars.from_arrow(made().table)
    assert frame["value"].to_list() == [0.5, 0.25, None]
