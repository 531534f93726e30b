"""`spinecast findings`: the vocabulary of a patient file."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import click

from spinecast.cli.output import say

WIDTH = 100
TITLES = {
    "": "At the top",
    "context": "[context]: who the person is",
    "findings": "[findings]: symptoms, examination, imaging, laboratory, blocks",
    "inputs": "[inputs]: what safety rules, the plan and the follow-up need",
}


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of records.")
@click.option(
    "--kind", metavar="K", help="Only this kind: setting, context, symptom, exam, imaging, laboratory, block, count, input."
)
@click.option("--search", metavar="WORD", help="Only what has this word in its id, name, meaning or values.")
def findings(as_json: bool, kind: str | None, search: str | None) -> None:
    """List everything that a patient file may hold: values, units, meaning, and whether a side or level can be given.

    What is not in the file counts as not observed, never as absent.
    """
    from spinecast.errors import UnknownIdError, nearest
    from spinecast.priors.bundle import load_priors
    from spinecast.priors.vocabulary import kinds, vocabulary

    priors = load_priors()
    if kind is not None and kind not in kinds(priors):
        raise UnknownIdError("--kind", kind, kinds(priors))
    known = vocabulary(priors)
    records = [r for r in known if kind in (None, r["kind"]) and (search is None or _holds(r, search))]
    if not records:
        near = nearest(search or "", [r["id"] for r in known])
        click.echo(f"nothing here has {search!r} in it{f'; the nearest id is {near}' if near else ''}", err=True)
    if as_json:
        say(json.dumps(records, indent=2, sort_keys=True, ensure_ascii=False))
    elif records:
        say("\n".join(_lines(records)))


def _holds(record: dict[str, Any], word: str) -> bool:
    text = " ".join([record["id"], record["label"], record["meaning"], *record["values"]])
    return word.casefold() in f"{text} {text.replace('_', ' ')}".casefold()


def _lines(records: Sequence[dict[str, Any]]) -> Iterator[str]:
    for section, found in groupby(records, key=lambda r: r["section"]):
        yield f"{TITLES[section]}\n"
        for record in found:
            yield from _entry(record)


def _entry(record: dict[str, Any]) -> Iterator[str]:
    yield f"  {record['id']}  ({record['kind']})"
    what = record["meaning"] if record["label"].rstrip("?.") in record["meaning"] else f"{record['label']}. {record['meaning']}"
    yield from _wrapped(what)
    allowed = [", ".join(record["values"])] if record["values"] else []
    if record["minimum"] is not None or record["maximum"] is not None:
        allowed.append(f"a number from {record['minimum']:g} to {record['maximum']:g} {record['unit']}".rstrip())
    yield from _wrapped(" or ".join(allowed) or record["unit"] or "a number")
    yield from _wrapped(f"as in: {record['write']}")
    yield ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False)
