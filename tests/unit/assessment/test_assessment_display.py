"""An assessment draws itself, in full and in a notebook."""

from __future__ import annotations

import spinecast
from spinecast.resources import examples_folder


def test_an_assessment_is_drawn_with_what_it_rests_on():
    answer = spinecast.assess(examples_folder() / "suitcase.toml", draws=4)
    figure = answer.figure()
    words = " ".join(t.get_text() for t in figure.texts) + " ".join(t.get_text() for a in figure.axes for t in a.texts)
    assert "seed" in words
    assert answer.to_dict()["model"]["priors_hash"][:12] in words
    assert "<" in answer._repr_html_()
