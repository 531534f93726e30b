"""Standard output, whatever it is: colour for a terminal only, and no failure over a character it cannot show."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


def colour() -> bool:
    """Is standard output a terminal that wants colour (see no-color.org)?"""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def say(text: str, *, newline: bool = True) -> None:
    """Print text; what the stream's encoding does not have becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), nl=newline)


FIGURES = (".svg", ".png", ".pdf")


def checked_figure(path: Path | None) -> None:
    """A figure can be written there: said before anything is computed.

    Raises
    ------
    InvalidValueError
        The file is of an unknown kind, or its folder does not exist.
    """
    from spinecast.errors import InvalidValueError

    if path is not None and path.suffix not in FIGURES:
        raise InvalidValueError("--figure", str(path), f"a file that ends in {', '.join(FIGURES)}")
    if path is not None and not path.absolute().parent.is_dir():
        raise InvalidValueError("--figure", str(path), "a file in a folder that exists")
