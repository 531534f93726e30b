"""Pain in one leg is not pain in both: the side of one finding tells another that is not recorded, for one person and in tables."""

from __future__ import annotations

import numpy as np
import pytest

from spinecast import Forecaster, load_priors, priors_folder
from spinecast.assessment.patient import parse_patient

PRIORS = load_priors(priors_folder())
LEG, BOTH = "leg_pain_below_knee", "bilateral_leg_pain"


def told(leg, **more):
    found = parse_patient({"findings": {LEG: leg, **more}}, PRIORS).findings
    return found[BOTH].value if BOTH in found else None


@pytest.mark.parametrize(
    ("side", "expected"), [("left", "absent"), ("right", "absent"), ("bilateral", "present"), ("midline", None)]
)
def test_a_side_tells_whether_it_is_both(side, expected):
    assert told({"value": "present", "side": side}) == expected


def test_what_is_recorded_itself_stays_and_no_side_tells_nothing():
    assert told({"value": "present", "side": "left"}, **{BOTH: "present"}) == "present"
    assert told("present") is None
    assert told({"value": "absent", "side": "left"}) is None


def test_a_table_is_read_the_same_way():
    pa = pytest.importorskip("pyarrow")
    rows = [
        ("present", "left", None),
        ("present", "bilateral", None),
        ("absent", "left", None),
        ("present", None, None),
        ("present", "left", "present"),
    ]
    columns = {LEG: [r[0] for r in rows], f"{LEG}_side": [r[1] for r in rows], BOTH: [r[2] for r in rows]}
    people = [{"findings": {LEG: {"value": v, "side": s} if s else v, **({BOTH: b} if b else {})}} for v, s, b in rows]
    forecaster = Forecaster.load()
    table, listed = forecaster.score(pa.table(columns)), forecaster.score(people)
    same = [n for n in table.column_names if n.startswith("p_") or n == "nonspecific"] or table.column_names
    for name in same:
        a, b = table[name].to_pylist(), listed[name].to_pylist()
        if isinstance(a[0], float):
            np.testing.assert_allclose(a, b, rtol=1e-9)
