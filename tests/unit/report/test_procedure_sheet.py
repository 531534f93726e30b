"""A procedure's sheet: text that fits, figure that draws, JSON that holds what is printed, and arms that add up."""

from __future__ import annotations

import json

import pytest

from spinecast.analysis.procedure_sheet import procedure_sheet
from spinecast.assessment.model import load_model
from spinecast.cli.main import run
from spinecast.errors import UnknownIdError
from spinecast.report.procedure_sheet import sheet_figure, sheet_text


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def epidural(model):
    return procedure_sheet(model, "transforaminal_epidural")


def test_every_procedure_has_a_sheet_in_100_columns(model):
    for key in model.priors.procedures:
        text = sheet_text(procedure_sheet(model, key), colour=False)
        assert max(map(len, text.splitlines())) <= 100
        assert key in text


def test_arms_add_up(epidural):
    for effect in epidural.effects:
        for i in range(len(effect.weeks)):
            active, sham, usual = (band.centre[i] for band in (effect.active, effect.sham, effect.usual_care))
            assert effect.over_sham.centre[i] == pytest.approx(active - sham)
            assert effect.over_usual_care.centre[i] == pytest.approx(active - usual)
            for band in (effect.active, effect.sham, effect.usual_care):
                assert 0 <= band.low[i] <= band.centre[i] <= band.high[i] <= 1


def test_published_points_carry_their_source_and_say_what_was_fitted(epidural):
    root = next(e for e in epidural.effects if e.generator == "radiculopathy")
    assert {p.arm for p in root.published} >= {"active", "sham"}
    assert all(p.citation for p in root.published)
    assert any(p.fitted for p in root.published)
    assert any(not p.fitted for p in root.published)


def test_harms_costs_steroid_and_holding_times_are_there(epidural):
    text = sheet_text(epidural, colour=False)
    for part in ("serious", "payer office", "Glucose rise", "Adrenal suppression", "Apixaban: held", "diabetes"):
        assert part in text, part
    assert {c.label for c in epidural.costs} == {"payer", "payer_office", "payer_facility", "patient"}


def test_a_procedure_without_steroid_says_nothing_of_it(model):
    assert procedure_sheet(model, "facet_radiofrequency").steroid == ()


def test_the_figure_has_a_panel_an_effect(epidural):
    shown = [a for a in sheet_figure(epidural).axes if a.axison]
    assert len(shown) == len(epidural.effects)
    assert all("weeks" in a.get_xlabel() for a in shown)


def test_the_command(tmp_path, capsys):
    figure = tmp_path / "sheet.svg"
    assert run(["procedure", "sympathetic_block", "--json", "--figure", str(figure)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "sympathetic_block"
    assert figure.stat().st_size > 1000
    assert run(["procedure"]) == 0
    assert "transforaminal_epidural" in capsys.readouterr().out
    assert run(["procedure", "transforaminal_epidurl"]) == 2
    assert "did you mean 'transforaminal_epidural'" in capsys.readouterr().err
    assert run(["procedure", "--figure", str(figure)]) == 2


def test_an_unknown_id_is_told(model):
    with pytest.raises(UnknownIdError):
        procedure_sheet(model, "needle")
