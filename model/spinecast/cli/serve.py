"""`spinecast serve`: the HTTP service."""

from __future__ import annotations

import click


@click.command
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. There is no login: put a proxy before others.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one.")
@click.option("--concurrency", type=click.IntRange(1), metavar="N", help="Requests computed at the same time. [default: cores]")
@click.option(
    "--queue", type=click.IntRange(0), default=16, show_default=True, help="Requests that may wait; more are answered 503."
)
@click.option("--timeout", type=click.FloatRange(1), default=30.0, show_default=True, help="Seconds that an assessment may take.")
@click.option("--rows", type=click.IntRange(1), default=10_000, show_default=True, help="People in one stream.")
@click.option("--body", type=click.IntRange(1), default=32_000_000, show_default=True, help="Bytes of a body.")
def serve(host: str, port: int, concurrency: int | None, queue: int, timeout: float, rows: int, body: int) -> None:
    """Serve assessments over HTTP until interrupted.

    POST /v1/assess, POST /v1/score (a line of JSON a person), GET /v1/vocabulary, /healthz, /readyz, /metrics,
    /openapi.json. The log has no line of what was sent.
    """
    from spinecast.extras import need

    for module in ("fastapi", "pyarrow", "uvicorn"):
        need(module, "service")
    from spinecast.resources import priors_folder
    from spinecast.service.limits import Limits
    from spinecast.service.run import run

    own = {} if concurrency is None else {"concurrency": concurrency}
    run(host, port, priors_folder(), Limits(body=body, rows=rows, queue=queue, seconds=timeout, **own))
