"""Run the service in this process: one socket, one event loop, and a log that holds nothing of a request."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path

import uvicorn

from spinecast.errors import InvalidValueError
from spinecast.service.app import create_app
from spinecast.service.limits import Limits

BACKLOG = 128


def run(host: str, port: int, priors: Path | None, limits: Limits) -> None:
    """Load the model, listen, and serve until a signal comes.

    Raises
    ------
    InvalidValueError
        Nobody can listen on this address.
    PriorsError, ArtefactError
        As `load_model`.
    """
    _logging()
    app = create_app(priors, limits)
    with _listening(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        logging.getLogger("spinecast.service").info("listening on http://%s:%d", shown, listening.getsockname()[1])
        # uvicorn's own lines name paths and queries, which may say something of a person: the shell has its own.
        config = uvicorn.Config(
            app, access_log=False, log_config=None, timeout_keep_alive=int(limits.seconds), server_header=False,
            timeout_graceful_shutdown=int(limits.seconds), lifespan="on", ws="none",
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise InvalidValueError("--host and --port", f"{host}:{port}", f"an address that is free ({error.strerror})") from None


def _logging() -> None:
    """Our lines to standard error; of uvicorn only what is wrong."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("spinecast.service").setLevel(logging.INFO)
