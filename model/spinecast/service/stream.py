"""Newline-delimited JSON in and out: lines are scored as they arrive, a few hundred at a time.

Reading never waits for writing: a client that sends everything before it reads anything would otherwise stand still
with us. What is not yet sent is bounded by the number of rows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from spinecast.frozen import dataclass
from spinecast.scoring.forecaster import DEFAULTS, DIFFERENTIAL, Forecaster
from spinecast.scoring.ranking import DecisionChoices
from spinecast.scoring.schema import REASON
from spinecast.service.gate import Gate
from spinecast.service.limits import Limits
from spinecast.service.problems import Problem
from spinecast.service.reading import patient_of

MEDIA_TYPE = "application/x-ndjson"
TOGETHER = 128
"""People scored in one turn at the gate: short enough that a turn in which all are assessed one by one ends in time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stream's lines are to hold, and under which choices."""

    outputs: tuple[str, ...] = (DIFFERENTIAL,)
    choices: DecisionChoices = DEFAULTS


async def lines_of(pieces: AsyncIterator[bytes], limits: Limits) -> AsyncIterator[bytes]:
    """Lines that are not blank.

    Raises
    ------
    Problem
        413: a line is too long, or there are too many; 408: nothing came for too long.
    """
    rest, count = b"", 0
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), limits.seconds)
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise Problem(408, "too_slow", f"nothing came for {limits.seconds:g} s") from None
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.strip():
                count += 1
                yield _within(line, count, limits)
        _within(rest, count, limits)
    if rest.strip():
        yield _within(rest, count + 1, limits)


def _within(line: bytes, count: int, limits: Limits) -> bytes:
    if len(line) > limits.line:
        raise Problem(413, "too_large", f"line {count + 1}: a line has at most {limits.line:,} bytes")
    if count > limits.rows:
        raise Problem(413, "too_large", f"a stream has at most {limits.rows:,} lines; send the rest in another")
    return line


async def scored(
    lines: AsyncIterator[bytes], forecaster: Forecaster, gate: Gate, asked: Asked
) -> AsyncIterator[tuple[int, bytes]]:
    """Scored lines, a chunk at a time: how many people, and their lines."""
    first, waiting = 1, list[bytes]()
    async for line in lines:
        waiting.append(line)
        if len(waiting) == TOGETHER:
            yield len(waiting), await _together(forecaster, gate, waiting, first, asked)
            first, waiting = first + len(waiting), []
    if waiting:
        yield len(waiting), await _together(forecaster, gate, waiting, first, asked)


async def _together(forecaster: Forecaster, gate: Gate, lines: Sequence[bytes], first: int, asked: Asked) -> bytes:
    return await gate.run(lambda: score_lines(forecaster, lines, first, asked))


PLAIN = Asked()


def score_lines(forecaster: Forecaster, lines: Sequence[bytes], first: int = 1, asked: Asked = PLAIN) -> bytes:
    """One line out for each line in: `row`, `label` where given, what was asked for, or the `reason` that there is none."""
    patients: list[Mapping[str, Any]] = []
    reasons: dict[int, str] = {}
    for n, line in enumerate(lines):
        try:
            patients.append(patient_of(line))
        except Problem as problem:
            patients.append({})
            reasons[n] = problem.detail
    answers = forecaster.score(patients, outputs=asked.outputs, choices=asked.choices).to_pylist()
    return b"".join(_line(first + n, answer, reasons.get(n)) for n, answer in enumerate(answers))


def _line(row: int, answer: dict[str, Any], unread: str | None) -> bytes:
    reason = unread or answer.pop(REASON)
    label = answer.pop("id", None)
    head = {"row": row, **({"label": label} if label is not None else {})}
    body = {"reason": reason} if reason else answer
    return json.dumps({**head, **body}, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
