"""Run the command line as `spinecast` does, quickly: in this process, streams caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spinecast.cli.main import run


@dataclass(frozen=True, slots=True)
class Done:
    """Exit code and what was written to each stream."""

    code: int
    out: str
    err: str

    def refused(self, *said: str) -> None:
        """The input was wrong: code 2, a message that names what and why, nothing on standard output."""
        assert self.code == 2, self
        assert self.out == "", self.out
        assert "Traceback" not in self.err
        assert [s for s in said if s not in self.err] == [], self.err


@dataclass(frozen=True, slots=True)
class Command:
    """Callable: arguments to `Done`."""

    streams: Any

    def __call__(self, *arguments: object) -> Done:
        self.streams.readouterr()
        code = run([str(a) for a in arguments])
        out, err = self.streams.readouterr()
        return Done(code, out.decode(), err.decode())
