"""Counters for operators, in the text format of Prometheus; labels are routes and statuses, never anything of a request."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the duration buckets, in seconds: Prometheus' own defaults."""

MEDIA_TYPE = "text/plain; version=0.0.4"


class Metrics:
    """Counts of one process, changed from its event loop only."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._durations: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)
        self._people = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request answered."""
        self._requests[method, route, status] += 1
        self._durations[route][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[route] += seconds

    def scored(self, people: int) -> None:
        """So many more people answered for."""
        self._people += people

    def text(self, gauges: Mapping[str, float]) -> str:
        """Everything; `gauges` are values of this moment."""
        return "".join(f"{line}\n" for line in self._lines(gauges))

    def _lines(self, gauges: Mapping[str, float]) -> Iterator[str]:
        yield "# TYPE spinecast_requests_total counter"
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'spinecast_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
        yield "# TYPE spinecast_request_seconds histogram"
        for route, counts in sorted(self._durations.items()):
            total = 0
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                yield f'spinecast_request_seconds_bucket{{route="{route}",le="{bound}"}} {total}'
            yield f'spinecast_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'spinecast_request_seconds_count{{route="{route}"}} {total}'
        yield "# TYPE spinecast_people_total counter"
        yield f"spinecast_people_total {self._people}"
        for name, value in gauges.items():
            yield f"# TYPE spinecast_{name} gauge"
            yield f"spinecast_{name} {value:g}"
