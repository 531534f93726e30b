"""Options that many commands have, and what their values may be: what cannot work is refused before any file is read."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from spinecast.errors import InvalidValueError, MalformedFileError, UnknownIdError
from spinecast.extras import need

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | click.Command)
Names = Iterable[str] | Callable[[], Iterable[str]]


class OneOf(click.ParamType):  # type: ignore[type-arg]  # generic in later releases of click only
    """One of some names, or with `several` a list of them with commas; names that cost a look are given as a function."""

    name = "name"

    def __init__(self, allowed: Names, *, several: bool = False) -> None:
        self._allowed, self.several = allowed, several

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(self._allowed() if callable(self._allowed) else self._allowed)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        names = [part.strip() for part in value.split(",") if part.strip()] if self.several else [value]
        for name in names or [value]:
            if name not in self.allowed:
                raise UnknownIdError(called(param), name, self.allowed)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        return [CompletionItem(name) for name in self.allowed if name.startswith(incomplete)]


class Ending(click.Path):
    """A file to write whose ending names its kind, in a folder that exists."""

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.suffix not in self.suffixes or path.is_dir():
            raise InvalidValueError(called(param), str(path), f"a file that ends in {', '.join(self.suffixes)}")
        if not path.absolute().parent.is_dir():
            raise InvalidValueError(called(param), str(path), "a file in a folder that exists")
        if path.suffix == ".parquet":
            need("pyarrow.parquet", "tables")
        return path


class Folder(click.Path):
    """A folder to read; a knowledge base is known by the folder `holding` what is published."""

    def __init__(self, holding: str = "") -> None:
        super().__init__(path_type=Path)
        self.holding = holding

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_dir():
            raise MalformedFileError(f"{called(param)} {path}: there is no such folder")
        if not path.joinpath(self.holding).is_dir():
            raise MalformedFileError(f"{called(param)} {path}: not a knowledge base, it has no {self.holding}/ in it")
        return path


def called(param: click.Parameter | None) -> str:
    """What a user calls a parameter: `--wtp`, or PATIENT."""
    if isinstance(param, click.Argument):
        return (param.metavar or str(param.name)).strip("[]").removesuffix("...")
    return max(param.opts, key=len) if param is not None else "value"


def _entries(kind: str) -> Callable[[], list[str]]:
    """Ids of one folder of the knowledge base in use (which --priors may have named); a file is called by its id."""

    def ids() -> list[str]:
        from spinecast.resources import priors_folder

        return sorted(p.stem for p in priors_folder().joinpath(kind).glob("*.toml"))

    return ids


def _constant(module: str, name: str) -> Callable[[], Iterable[str]]:
    """Names that a module below states, imported when a value is given."""

    def names() -> Iterable[str]:
        found: Iterable[str] = getattr(importlib.import_module(f"spinecast.{module}"), name)
        return found

    return names


GENERATOR, PROCEDURE = OneOf(_entries("generators")), OneOf(_entries("procedures"))
RULE_SET, SETTING, PATHWAY = OneOf(_entries("rule_sets")), OneOf(_entries("settings")), OneOf(_entries("pathways"))
PERSPECTIVE, VALUE_IN = OneOf(_constant("decision.costs", "PERSPECTIVES")), OneOf(_constant("decision.settings", "VALUES_IN"))
OUTPUTS = OneOf(_constant("scoring.forecaster", "OUTPUTS"), several=True)
FORMAT = OneOf(_constant("scoring.sources", "FORMATS"))
FIGURE = Ending(".svg", ".png", ".pdf")
TABLE = Ending(".csv", ".parquet")


def rule_set_option(default: str = "the file's own, else guideline") -> Callable[[Decorated], Decorated]:
    """--rule-set S, as `rule_set`."""
    return click.option(
        "--rule-set", type=RULE_SET, metavar="S", help=f"Whose rules hold (`spinecast rules`). [default: {default}]"
    )


def figure_option(what: str = "it") -> Callable[[Decorated], Decorated]:
    """--figure FILE, as `figure`."""
    return click.option("--figure", type=FIGURE, metavar="FILE", help=f"Also draw {what}: .svg, .png or .pdf.")
