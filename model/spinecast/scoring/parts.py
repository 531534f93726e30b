"""What a run has done so far, on disk: a manifest, and one part a block, each whole or not there.

A part is written under another name and renamed, so that a run that was killed has lost at most the blocks it was at.
The manifest holds everything that decides the bytes of a part; another run goes on only where all of it is the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spinecast.errors import InvalidValueError, MalformedFileError
from spinecast.extras import need
from spinecast.frozen import dataclass
from spinecast.scoring.sources import Rejected

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """The folder of an unfinished run."""

    folder: Path

    @classmethod
    def beside(cls, out: Path) -> Parts:
        """The parts of an output file stand beside it."""
        return cls(out.with_name(f"{out.name}.parts"))

    def begin(self, manifest: Mapping[str, Any], *, resume: bool) -> int:
        """Start, or go on with the same work; how many parts are there already.

        Raises
        ------
        InvalidValueError
            There is an unfinished run and `resume` was not asked for, or it is one of something else.
        """
        path = self.folder / MANIFEST
        if not path.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            whole(path, lambda p: p.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8"))
            return 0
        done = sum(1 for _ in self.folder.glob("*.arrow"))
        if not resume:
            raise InvalidValueError(
                "OUT", self.folder.name, f"--resume to go on with its {done} parts, or that folder deleted to start anew"
            )
        before = self._manifest(path)
        changed = [k for k in manifest if before.get(k) != manifest[k]]
        if changed:
            raise InvalidValueError(
                "--resume", self.folder.name, f"the same run: {', '.join(changed)} differ; delete that folder to start anew"
            )
        return done

    def _manifest(self, path: Path) -> Mapping[str, Any]:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise MalformedFileError(f"{path}: {error}; delete the folder to start anew") from None
        return found if isinstance(found, dict) else {}

    def add(self, number: int, scored: Any, rejected: Sequence[Rejected]) -> None:
        """Keep one block: its rejects, then its rows; a part counts once its rows are there."""
        text = "".join(json.dumps(one) + "\n" for one in rejected)
        whole(self.folder / f"{number:06}.rejects", lambda p: p.write_text(text, encoding="utf-8"))
        whole(self.folder / f"{number:06}.arrow", lambda p: _write_batch(p, scored))

    def scored(self, count: int) -> Iterator[Any]:
        """Rows of all parts, a record batch each."""
        ipc = need("pyarrow.ipc", "tables")
        for number in range(count):
            with ipc.open_file(self.folder / f"{number:06}.arrow") as reader:
                yield from (reader.get_batch(i) for i in range(reader.num_record_batches))

    def rejected(self, count: int) -> Iterator[Rejected]:
        """Rejects of all parts, in order."""
        for number in range(count):
            with (self.folder / f"{number:06}.rejects").open(encoding="utf-8") as handle:
                for line in handle:
                    row, reason = json.loads(line)
                    yield row, reason

    @contextmanager
    def unless_empty(self) -> Iterator[None]:
        """After an error keep the folder for a run to go on with, unless nothing has been done."""
        try:
            yield
        except Exception:
            if self.folder.exists() and not any(self.folder.glob("*.arrow")):
                self.clear()
            raise

    def clear(self) -> None:
        """The run is finished."""
        shutil.rmtree(self.folder)


def whole(path: Path, write: Any) -> None:
    """Write a file so that it is either whole, and on the disk, or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_batch(path: Path, batch: Any) -> None:
    with need("pyarrow.ipc", "tables").new_file(path, batch.schema) as writer:
        writer.write_batch(batch)
