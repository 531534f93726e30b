"""So many computations at once, so many waiting, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from spinecast.service.limits import Limits
from spinecast.service.problems import Problem

Result = TypeVar("Result")
RETRY_AFTER = {"Retry-After": "1"}


class Gate:
    """Runs functions in threads, within limits.

    A computation that its client no longer waits for keeps its place until it ends: Python cannot stop a thread, and
    giving its place away would let the work pile up.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="spinecast")
        self._places = asyncio.Semaphore(limits.concurrency)
        self.running = 0
        self.waiting = 0

    @property
    def full(self) -> bool:
        """Would one more request be refused?"""
        return self._places.locked() and self.waiting >= self._limits.queue

    async def run(self, function: Callable[[], Result]) -> Result:
        """The function's result.

        Raises
        ------
        Problem
            503, with Retry-After: too many are waiting, or it takes too long.
        """
        if self.full:
            raise Problem(503, "busy", f"{self.waiting} requests are waiting already; try again", headers=RETRY_AFTER)
        self.waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), self._limits.seconds)
        except TimeoutError:
            raise Problem(503, "busy", "no place became free in time; try again", headers=RETRY_AFTER) from None
        finally:
            self.waiting -= 1
        self.running += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        future.add_done_callback(self._left)
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._limits.seconds)
        except TimeoutError:
            limit = f"more than {self._limits.seconds:g} s; ask for fewer draws or less depth"
            raise Problem(503, "took_too_long", limit, headers=RETRY_AFTER) from None

    def _left(self, future: asyncio.Future[Result]) -> None:
        self.running -= 1
        self._places.release()
        if not future.cancelled():
            future.exception()  # seen here, so that asyncio never prints one that nobody waits for

    def close(self) -> None:
        """Let running computations end, and start no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
