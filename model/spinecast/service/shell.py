"""The outermost layer: measures, counts, limits bodies, and lets no error (and nothing of a request) reach a log.

Pure ASGI. What a log line holds: method, the route's own pattern, status, milliseconds, bytes in and out. Never the path
that was asked for, its query, a header or a body; of an unexpected error its type and where it was raised, never its message.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from spinecast.service.limits import Limits
from spinecast.service.metrics import Metrics
from spinecast.service.problems import MEDIA_TYPE, Problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("spinecast.service")
NOWHERE = "(no route)"


class Shell:
    """Wraps the application."""

    def __init__(self, app: App, limits: Limits, metrics: Metrics) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(self._app, self._limits, self._metrics, scope, receive, send).run()


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: App, limits: Limits, metrics: Metrics, scope: Message, receive: Receive, send: Send) -> None:
        self.app, self.limits, self.metrics = app, limits, metrics
        self.scope, self._receive, self._send = scope, receive, send
        self.status, self.read, self.written = 0, 0, 0

    async def run(self) -> None:
        """Answer, count and log."""
        start = time.perf_counter()
        try:
            self._announced()
            await self.app(self.scope, self.receive, self.send)
        except Problem as problem:
            await self._answer(problem)
        except Exception as error:  # noqa: BLE001  the last net; its message may hold what a client sent
            LOG.error("unexpected %s at %s", type(error).__name__, place(error))  # noqa: TRY400
            await self._answer(Problem(500, "internal", "the error has been logged, without anything of the request"))
        seconds = time.perf_counter() - start
        route = getattr(self.scope.get("route"), "path", NOWHERE)
        method = self.scope["method"] if self.scope["method"] in METHODS else "OTHER"
        self.metrics.count(method, route, self.status, seconds)
        LOG.info("%s %s %d %.1f ms %d bytes in %d out", method, route, self.status, seconds * 1e3, self.read, self.written)

    def _announced(self) -> None:
        """Refuse a body that says itself that it is too large."""
        length = dict(self.scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.limits.body:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next piece of the body, within the limit."""
        message = await self._receive()
        self.read += len(message.get("body", b""))
        if self.read > self.limits.body:
            raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass on, and take note."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.written += len(message.get("body", b""))
        await self._send(message)

    async def _answer(self, problem: Problem) -> None:
        """The problem as the answer, where none has begun."""
        if self.status:
            return
        body = problem.body()
        headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
        coded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": problem.status, "headers": coded})
        await self.send({"type": "http.response.body", "body": body})

    def _too_large(self) -> Problem:
        return Problem(413, "too_large", f"a body has at most {self.limits.body:,} bytes")


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def place(error: BaseException) -> str:
    """Where an error was raised: functions and lines, innermost first, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
