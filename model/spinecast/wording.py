"""Ids in the words of a reader; a leaf, so that whatever is said at any layer is said alike."""

from __future__ import annotations

import re

_SPINE = re.compile(r"[LST]\d+(_[LST]\d+)?")
_BAND = re.compile(r"(^|_)(\d+)_(\d+)$")
_RELIEF = re.compile(r"relief_(\d+)")


def words(key: str) -> str:
    """An id as words: `cauda_equina` is cauda equina, `L5_S1` is L5-S1, `weeks_6_12` is weeks 6-12, `relief_80` is relief 80 %+."""
    if _SPINE.fullmatch(key):
        return key.replace("_", "-")
    if relief := _RELIEF.fullmatch(key):
        return f"relief {relief[1]} %+"
    banded = _BAND.sub(r"\1\2-\3", key)
    return re.sub(r"_plus$", "+", banded).replace("_", " ")


def value_words(key: str, value: str) -> str:
    """A value without the name of what it is a value of: `age_65_74` of `age` is 65-74."""
    return words(value.removeprefix(f"{key}_"))
