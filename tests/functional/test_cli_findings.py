"""`spinecast findings` lists the vocabulary, and everything that it lists can be written into a patient file."""

from __future__ import annotations

import json

import pytest

from spinecast.priors.bundle import load_priors
from spinecast.priors.vocabulary import kinds, vocabulary

FIELDS = {
    "id",
    "section",
    "kind",
    "label",
    "meaning",
    "values",
    "unit",
    "minimum",
    "maximum",
    "sided",
    "located",
    "family",
    "write",
}


def test_everything_is_listed_with_every_field(command, priors):
    records = json.loads(command("findings", "--json").out)
    known = load_priors(priors)
    assert {*known.findings, *known.contexts, *known.inputs, "setting"} <= {r["id"] for r in records}
    assert all(set(r) == FIELDS and r["label"] and r["meaning"] for r in records)
    assert records == sorted(records, key=lambda r: (r["section"], r["id"]))


def test_every_example_line_is_accepted(priors):
    """The line shown under `as in` is lawful where it says that it belongs."""
    import tomllib

    from spinecast.assessment.patient import parse_patient

    known = load_priors(priors)
    for record in vocabulary(known):
        head = f"[{record['section']}]\n" if record["section"] else ""
        parse_patient(tomllib.loads(head + record["write"]), known)


def test_the_list_for_people_fits_the_page(command):
    done = command("findings")
    assert max(map(len, done.out.splitlines())) <= 100
    assert "straight_leg_raise  (exam)" in done.out


def test_one_kind(command, priors):
    for kind in kinds(load_priors(priors)):
        assert {r["kind"] for r in json.loads(command("findings", "--json", "--kind", kind).out)} == {kind}


def test_search_looks_at_names_meanings_and_values(command):
    assert "straight_leg_raise" in command("findings", "--search", "Straight Leg").out
    assert "fasting_glucose_mg_dl" in command("findings", "--search", "glucose").out


def test_a_search_without_result_names_the_nearest(command):
    done = command("findings", "--search", "strait_leg_raise")
    assert (done.code, done.out) == (0, "")
    assert "straight_leg_raise" in done.err


@pytest.mark.parametrize("given", ["exm", ""])
def test_an_unknown_kind_is_refused(command, given):
    command("findings", "--kind", given).refused("--kind", "exam", "imaging")
