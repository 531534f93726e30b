"""One writer a file: a lock that ends with its process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinecast.errors import OutputError


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the lock of an output file.

    Raises
    ------
    OutputError
        Another process is writing it.
    """
    import fcntl  # Unix only; a Windows build would need msvcrt here

    path = out.with_name(f".{out.name}.lock")
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise OutputError(f"{out}: another process is writing it; wait for it, or choose another file") from None
        if _same(path, handle):
            break
        os.close(handle)  # its last holder has just removed it
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _same(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
