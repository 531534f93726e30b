"""Colours that the colour-blind tell apart (Okabe and Ito), for every figure and page."""

from __future__ import annotations

BLACK, GREY, LIGHT = "#000000", "#6e6e6e", "#d0d0d0"
BLUE, SKY, ORANGE = "#0072B2", "#56B4E9", "#E69F00"
GREEN, YELLOW, VERMILLION, PURPLE = "#009E73", "#F0E442", "#D55E00", "#CC79A7"
