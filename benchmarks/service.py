"""Latency of the service on loopback, at stated concurrency, beside the same call in a process without it.

A process of its own serves; this one asks with httpx and asyncio. Within a repeat the call in this process and the
requests follow each other, so that a busy machine slows both. Percentiles are over all requests of a repeat. `ours` is
the service and `other` the bare call: a ratio of 1 would be a service that costs nothing; at concurrency c on fewer
than c cores waiting is part of the latency, so that ratios near 1 / c are to be expected there.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"  # before numpy is imported, and inherited by the service

import httpx
import numpy as np
import results

import spinecast
from spinecast.assessment.model import load_model
from spinecast.scoring.forecaster import Forecaster
from spinecast.service.examples import examples
from spinecast.service.stream import Asked, score_lines

CONCURRENCY = (1, 4)
REQUESTS = 16
REPEATS = 5
PERCENTILES = (50, 95, 99)
LINES = 1_000
OPTIONS = {"depth": 1, "draws": 20}
JSON, NDJSON = {"content-type": "application/json"}, {"content-type": "application/x-ndjson"}


@contextmanager
def served() -> Iterator[str]:
    """Address of a service in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with log.open("w") as file:
            process = subprocess.Popen([sys.executable, "-m", "spinecast", "serve", "--port", "0", "--queue", "64"], stderr=file)
        try:
            while not (found := re.search(r"listening on (\S+)", log.read_text())):
                if process.poll() is not None:
                    raise SystemExit(log.read_text())
                time.sleep(0.05)
            yield found[1]
        finally:
            process.terminate()
            process.wait()


async def latencies(address: str, path: str, body: bytes, headers: dict[str, str], concurrency: int, count: int) -> list[float]:
    """Seconds of each of `count` requests, `concurrency` of them at a time."""
    waiting = iter(range(count))
    seconds: list[float] = []
    async with httpx.AsyncClient(base_url=address, timeout=120) as client:

        async def worker() -> None:
            for _ in waiting:
                start = time.perf_counter()
                answer = await client.post(path, content=body, headers=headers)
                answer.raise_for_status()
                seconds.append(time.perf_counter() - start)

        await asyncio.gather(*(worker() for _ in range(concurrency)))
    return seconds


def timed(call: Callable[[], Any], count: int) -> list[float]:
    """Seconds of each of `count` calls."""
    found = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def measured(
    name: str, ask: Callable[[int], list[float]], call: Callable[[], Any], count: int, unit: str
) -> list[dict[str, object]]:
    """Rows of one route: each percentile at each concurrency."""
    ours: dict[tuple[int, int], list[float]] = {(c, p): [] for c in CONCURRENCY for p in PERCENTILES}
    other: dict[int, list[float]] = {p: [] for p in PERCENTILES}
    call()
    ask(1)
    for _ in range(REPEATS):
        bare = timed(call, count)
        for p in PERCENTILES:
            other[p].append(float(np.percentile(bare, p)))
        for c in CONCURRENCY:
            asked = ask(c)
            for p in PERCENTILES:
                ours[c, p].append(float(np.percentile(asked, p)))
    return [
        results.row(f"service: {name}, concurrency {c}, p{p} / the same call in process", ours[c, p], other[p], unit)
        for c in CONCURRENCY
        for p in PERCENTILES
    ]


def main() -> None:
    """Both routes that compute."""
    model, forecaster = load_model(), Forecaster.load()
    patient = examples()["suitcase"]["value"]
    one = json.dumps(patient).encode()
    lines = [json.dumps(example["value"]).encode() for example in examples().values()]
    many = (lines * LINES)[:LINES]
    query = "&".join(f"{k}={v}" for k, v in OPTIONS.items())
    with served() as address:
        rows = measured(
            f"/v1/assess (depth {OPTIONS['depth']}, {OPTIONS['draws']} draws)",
            lambda c: asyncio.run(latencies(address, f"/v1/assess?{query}", one, JSON, c, REQUESTS)),
            lambda: json.dumps(spinecast.assess(patient, model=model, **OPTIONS).to_dict()),
            REQUESTS,
            "seconds per request",
        )
        rows += measured(
            f"/v1/score ({LINES:,} lines)",
            lambda c: asyncio.run(latencies(address, "/v1/score", b"\n".join(many), NDJSON, c, REQUESTS // 4)),
            lambda: score_lines(forecaster, many),
            REQUESTS // 4,
            "seconds per request",
        )
        ranked = Asked(outputs=("ranking",))
        rows += measured(
            f"/v1/score?outputs=ranking ({LINES:,} lines)",
            lambda c: asyncio.run(latencies(address, "/v1/score?outputs=ranking", b"\n".join(many), NDJSON, c, REQUESTS // 4)),
            lambda: score_lines(forecaster, many, asked=ranked),
            REQUESTS // 4,
            "seconds per request",
        )
    results.merge(rows, "service: ")


if __name__ == "__main__":
    main()
