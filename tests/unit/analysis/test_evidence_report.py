"""How much rests on evidence: the keys that programs rely on, and counts that add up."""

from __future__ import annotations

import pytest

from spinecast.analysis.evidence_report import evidence_report
from spinecast.assessment.model import load_model
from spinecast.resources import examples_folder


@pytest.fixture(scope="module")
def report():
    return evidence_report(load_model(), {p.stem: p for p in sorted(examples_folder().glob("*.toml"))})


def test_the_keys_that_programs_rely_on(report):
    assert {"parameters", "from_evidence", "assumed", "share_of_influence_from_evidence", "patients"} <= set(report)


def test_counts_add_up(report):
    assert report["from_evidence"] + report["assumed"] == report["parameters"] > 0
    assert min(report["from_evidence"], report["assumed"]) > 0


def test_the_share_is_the_mean_of_the_patients(report):
    shares = [p["share"] for p in report["patients"].values()]
    assert len(shares) == len(list(examples_folder().glob("*.toml")))
    assert all(0 < s <= 1 for s in shares)
    assert report["share_of_influence_from_evidence"] == pytest.approx(sum(shares) / len(shares))


def test_assumed_numbers_are_named_by_their_place_and_share(report):
    names = {p.name for p in load_model().network.parameters}
    for patient in report["patients"].values():
        shares = [a["share"] for a in patient["assumed"]]
        assert shares == sorted(shares, reverse=True)
        assert {a["parameter"] for a in patient["assumed"]} <= names
        assert sum(shares) <= 1 - patient["share"] + 1e-9


def test_without_patients_only_the_counts_are_left():
    report = evidence_report(load_model(), {})
    assert report["share_of_influence_from_evidence"] == 0.0
    assert report["patients"] == {}
