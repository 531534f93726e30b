"""What click finds wrong with a command line, in the words of our own errors: field, value, what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.types import FloatParamType, IntParamType

from spinecast.cli.options import called
from spinecast.errors import InputError, InvalidValueError, UnknownIdError


class _Told(click.ParamType):  # type: ignore[type-arg]  # generic in later releases of click only
    """A type of click that refuses as we do."""

    what = "a number"
    name = "n"  # what help shows for the value, where an option says nothing else

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise InvalidValueError(called(param), value, f"{self.what}{_bounds(self)}") from None


class Whole(_Told, IntParamType):
    """A whole number."""

    what = "a whole number"


class Number(_Told, FloatParamType):
    """A number."""


class File(_Told, click.Path):
    """A file."""

    what = "a file, not a folder"


class WholeWithin(_Told, click.IntRange):
    """A whole number within bounds."""

    what = "a whole number"


class NumberWithin(_Told, click.FloatRange):
    """A number within bounds."""


def _bounds(kind: object) -> str:
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    if low is not None:
        return f" of at least {low:,}"
    return "" if high is None else f" of at most {high:,}"


def in_our_words(command: click.Command) -> click.Command:
    """The command, whose numbers are refused as everything else is."""
    for param in command.params:
        kind = param.type
        if type(kind) is click.Path and not kind.dir_okay:
            param.type = File(dir_okay=False, path_type=Path)
        elif type(kind) is click.IntRange:
            param.type = WholeWithin(kind.min, kind.max)
        elif type(kind) is click.FloatRange:
            param.type = NumberWithin(kind.min, kind.max)
        elif kind is click.INT:
            param.type = Whole()
        elif kind is click.FLOAT:
            param.type = Number()
    return command


def refusal(error: click.UsageError) -> InputError:
    """A usage error as an error of ours: what is wrong, then how the command is used."""
    context = error.ctx
    if isinstance(error, click.NoSuchOption) and context is not None:
        known = [name for p in context.command.get_params(context) for name in p.opts if name.startswith("--")]
        return UnknownIdError(f"option of {context.info_name}", error.option_name, known)
    if isinstance(error, click.BadOptionUsage):
        return InputError(f"{error.option_name} {'takes no value' if 'not take' in error.message else 'needs a value'}")
    wrong = (
        f"{called(error.param)} is missing" if isinstance(error, click.MissingParameter) else error.format_message().rstrip(".")
    )
    if context is None:
        return InputError(wrong)
    usage = " ".join(context.get_usage().removeprefix("Usage: ").split())
    return InputError(f"{wrong}. Usage: {usage} (--help shows more)")
