"""Answers: JSON of one assessment, lines of a stream, problems."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from spinecast.service import problems, stream
from spinecast.service.problems import Problem
from spinecast.service.shell import Message, Receive, Send, place

LOG = logging.getLogger("spinecast.service")


def json_answer(value: Any, headers: dict[str, str] | None = None) -> Response:
    """Any plain data as JSON; ASCII, since a label need not be sound Unicode."""
    body = json.dumps(value, ensure_ascii=True, allow_nan=False)
    return Response(body, media_type="application/json", headers=headers)


def problem_answer(problem: Problem) -> Response:
    """The problem document."""
    return Response(problem.body(), problem.status, media_type=problems.MEDIA_TYPE, headers=problem.headers)


class StreamAnswer(Response):
    """Lines as they come; what goes wrong after the first is told in a last line, `{"problem": ...}`."""

    media_type = stream.MEDIA_TYPE

    def __init__(self, chunks: AsyncIterator[tuple[int, bytes]], scored: Callable[[int], None]) -> None:
        super().__init__()
        self._chunks, self._scored = chunks, scored

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send while another task reads and scores, so that neither waits for the other."""
        ready: asyncio.Queue[bytes | None] = asyncio.Queue()
        first = await anext(self._chunks, None)
        if first is None:
            raise Problem(400, "bad_request", "the body has no line; each line is one patient, as JSON")
        self._scored(first[0])
        headers = [(b"content-type", self.media_type.encode("ascii"))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first[1], "more_body": True})
        reader = asyncio.create_task(self._read(ready))
        try:
            while (chunk := await ready.get()) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            reader.cancel()

    async def _read(self, ready: asyncio.Queue[bytes | None]) -> None:
        try:
            async for people, chunk in self._chunks:
                self._scored(people)
                ready.put_nowait(chunk)
        except Problem as problem:
            ready.put_nowait(_last(problem))
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001  as the shell's: told without its message
            LOG.error("unexpected %s at %s", type(error).__name__, place(error))  # noqa: TRY400
            ready.put_nowait(_last(Problem(500, "internal", "the error has been logged, without anything of the request")))
        ready.put_nowait(None)


def _last(problem: Problem) -> bytes:
    return json.dumps({"problem": problem.document()}, ensure_ascii=True).encode("ascii") + b"\n"
