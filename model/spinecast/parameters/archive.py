"""Arrays in a file with a header: written whole or not at all, and an error that names the remedy where bytes were lost."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.errors import ArtefactError

_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
# What zip, deflate and numpy's own format raise where bytes were lost or changed.


def write_archive(path: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write the arrays; complete or not at all."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as handle:
        # Not compressed: unpacking would cost each start more than the bytes do.
        np.savez(handle, header=as_bytes(header), **arrays)
    temporary.replace(path)


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and arrays of a file; raises anything where it is damaged, see `reading`."""
    with np.load(io.BytesIO(path.read_bytes())) as data:
        header: dict[str, Any] = json.loads(data["header"].tobytes())
        return header, {name: data[name] for name in data.files if name != "header"}


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """What goes wrong while a file is read and taken apart is said with the command that writes it anew.

    Raises
    ------
    ArtefactError
        It is missing, or not what was written.
    """
    if not path.exists():
        raise ArtefactError(f"{path} does not exist; `{remedy}` writes it")
    try:
        yield
    except _UNREADABLE as error:
        raise ArtefactError(f"{path} is corrupt ({error}); run `{remedy}` to write it anew") from None


def same(path: Path, stated: object, found: object, remedy: str) -> None:
    """The checksum in a header is that of the arrays.

    Raises
    ------
    ArtefactError
    """
    if stated != found:
        raise ArtefactError(f"{path} does not match its own digest; run `{remedy}` to write it anew")


def checksum(arrays: Mapping[str, Any]) -> int:
    """Of every array and its name: it guards against damage, and costs a start little."""
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(np.ascontiguousarray(arrays[name]).data, zlib.crc32(name.encode(), total))
    return total


def as_bytes(tree: object) -> npt.NDArray[np.uint8]:
    """Plain data as an array, which is what such a file holds."""
    return np.frombuffer(json.dumps(tree, separators=(",", ":")).encode(), dtype=np.uint8)
