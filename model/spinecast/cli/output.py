"""Standard output, whatever it is: colour for a terminal only, and no failure over a character it cannot show."""

from __future__ import annotations

import os
import sys

import click


def colour() -> bool:
    """Is standard output a terminal that wants colour (see no-color.org)?"""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def say(text: str, *, newline: bool = True) -> None:
    """Print text; what the stream's encoding does not have becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), nl=newline)
