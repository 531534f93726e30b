"""Where `priors/` and `examples/` are: inside the package in a wheel, beside `model/` in a checkout."""

from __future__ import annotations

import os
from pathlib import Path

from spinecast.errors import ArtefactError, MalformedFileError

_PACKAGE = Path(__file__).resolve().parent


def priors_folder() -> Path:
    """The knowledge base: the folder named by SPINECAST_PRIORS, or else the one that spinecast came with."""
    given = os.environ.get("SPINECAST_PRIORS")
    if given and not Path(given).is_dir():
        raise MalformedFileError(f"SPINECAST_PRIORS names {given}, and there is no such folder")
    return Path(given) if given else _shipped("priors")


def examples_folder() -> Path:
    """The worked patients."""
    return _shipped("examples")


def _shipped(name: str) -> Path:
    places = (_PACKAGE / "data" / name, _PACKAGE.parents[1] / name)
    for place in places:
        if place.is_dir():
            return place
    raise ArtefactError(f"this installation has no {name}: looked in {' and '.join(map(str, places))}; install spinecast again")
