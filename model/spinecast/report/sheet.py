"""A matplotlib figure that shows itself in a notebook, without pyplot, a magic or a plugin."""

from __future__ import annotations

import io

from matplotlib.figure import Figure
from PIL import Image  # matplotlib needs it too

from spinecast.report import style

NOTEBOOK_DPI = 100
"""Readable on a screen, and small enough for many figures in one notebook file."""

PALETTE = 256


class Sheet(Figure):
    """A figure in the project's style; the last line of a notebook cell may be one."""

    def _repr_png_(self) -> bytes:
        drawn, made = io.BytesIO(), io.BytesIO()
        with style.styled():
            self.savefig(drawn, format="png", dpi=NOTEBOOK_DPI)
        # A palette makes a third of the size; without metadata the same figure is the same bytes.
        Image.open(drawn).convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE).save(made, format="png", optimize=True)
        return made.getvalue()
