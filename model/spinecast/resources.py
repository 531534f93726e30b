"""Where `priors/` and `examples/` are: inside the package in a wheel, beside `model/` in a checkout."""

from __future__ import annotations

import os
from pathlib import Path

from spinecast.errors import ArtefactError, InvalidValueError, MalformedFileError, MissingFileError

_PACKAGE = Path(__file__).resolve().parent


def priors_folder() -> Path:
    """The knowledge base: the folder named by SPINECAST_PRIORS, or else the one that spinecast came with."""
    given = os.environ.get("SPINECAST_PRIORS")
    if given and not Path(given).is_dir():
        raise MalformedFileError(f"SPINECAST_PRIORS names {given}, and there is no such folder")
    return Path(given) if given else _shipped("priors")


def own_priors_folder() -> Path:
    """The same where something is to be written: a checkout's or a copy, never the one inside an installed package."""
    folder = priors_folder()
    if folder.is_relative_to(_PACKAGE):
        raise InvalidValueError("priors folder", str(folder), "a checkout, or a copy of priors/ that SPINECAST_PRIORS names")
    return folder


def learned_fit() -> Path | None:
    """The fit that SPINECAST_FIT names (one that `spinecast learn` wrote), or None: that of the priors folder."""
    given = os.environ.get("SPINECAST_FIT")
    if given and not Path(given).is_file():
        raise MalformedFileError(f"the fit that --fit or SPINECAST_FIT names: {MissingFileError(Path(given))}")
    return Path(given) if given else None


def examples_folder() -> Path:
    """The worked patients."""
    return _shipped("examples")


def _shipped(name: str) -> Path:
    places = (_PACKAGE / "data" / name, _PACKAGE.parents[1] / name)
    for place in places:
        if place.is_dir():
            return place
    raise ArtefactError(f"this installation has no {name}: looked in {' and '.join(map(str, places))}; install spinecast again")
