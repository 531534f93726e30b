"""An assessment updated with what was done and how it went: what moved, what was reached, and what comes next."""

from __future__ import annotations

from typing import Any

from spinecast.assessment.assessment import Assessment, plain_data
from spinecast.assessment.outcome import Outcome
from spinecast.decision.gates import Gate
from spinecast.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """P(>= 50 % relief) at the review, as it stood before: with time alone, with context too, and with the treatment.

    `outcome` is the probability of what happened (relief, or none); None of it where relief was not asked.
    """

    natural: float
    control: float
    active: float
    outcome: float


@dataclass(frozen=True, slots=True)
class Shift:
    """One generator before and after; `ratio` is how much more probable the outcome is with it than without it."""

    id: str
    label: str
    before: float
    after: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Progress:
    """One measure of function or pain, or one goal in plain words.

    Attributes
    ----------
    direction : str
        better, worse, same, or "" where the two cannot be compared.
    reached : bool or None
        Whether the target is reached; None where there is none, or it cannot be compared.
    """

    id: str
    label: str
    unit: str
    baseline: str
    now: str
    target: str
    direction: str
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Resumed:
    """The assessment that was resumed: of which program and knowledge, and whether they are today's."""

    version: str
    priors_hash: str
    same: bool


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The answer to an outcome.

    Attributes
    ----------
    target : str
        Generator that the procedure aimed at most; "" for none.
    expected : Expected or None
        None where relief was not asked (a block, a scan).
    advice : tuple of Gate
        Rules about the follow-up itself: tapering, and what moves to the front.
    conflicts : tuple of str
        What does not fit together in what was told, or with the assessment.
    after : Assessment
        The person as known now.
    """

    label: str
    outcome: Outcome
    procedure: str
    target: str
    expected: Expected | None
    shifts: tuple[Shift, ...]
    progress: tuple[Progress, ...]
    advice: tuple[Gate, ...]
    conflicts: tuple[str, ...]
    resumed: Resumed | None
    first_before: str
    after: Assessment

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `assessment` has the shape of `spinecast assess --json` and can be resumed again."""
        return {
            "label": self.label,
            "procedure": self.procedure,
            "target": self.target,
            "outcome": plain_data(self.outcome),
            "holds": self.outcome.holds,
            "expected": plain_data(self.expected),
            "shifts": plain_data(self.shifts),
            "progress": plain_data(self.progress),
            "advice": plain_data(self.advice),
            "conflicts": list(self.conflicts),
            "resumed": plain_data(self.resumed),
            "first_before": self.first_before,
            "assessment": self.after.to_dict(),
        }
