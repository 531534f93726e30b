"""Did a letter change unannounced? What stands in these files is the model's own output and nothing else.

`make golden` rewrites them; CHANGELOG.md says why.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from spinecast.assessment.assess import assess
from spinecast.report.letter import letter
from spinecast.resources import examples_folder

LETTERS = Path(__file__).parent / "letters"
HEAD = "model output, not truth\n\n"
REWRITE = "SPINECAST_REWRITE_GOLDEN"
EXAMPLES = sorted(examples_folder().glob("*.toml"))


def recorded(text: str) -> str:
    """The letter without the hashes, which change with every comma in the priors."""
    return HEAD + re.sub(r"(priors|fit) [0-9a-f]{12}", r"\1 ____________", text)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_the_letter_is_the_recorded_one(example):
    path = LETTERS / f"{example.stem}.txt"
    found = recorded(letter(assess(example)))
    if os.environ.get(REWRITE):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert path.exists(), f"{path} is not there yet; `make golden` writes it"
    assert found == path.read_text(encoding="utf-8"), (
        "the letter changed; if that is meant: `make golden`, and say why in CHANGELOG.md"
    )


def test_no_letter_is_left_of_an_example_that_is_gone():
    assert {p.stem for p in LETTERS.glob("*.txt")} <= {p.stem for p in EXAMPLES}
