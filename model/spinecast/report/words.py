"""Numbers and ids in the words of a reader; shared by letter, figure and notebook."""

from __future__ import annotations

from collections.abc import Sequence

from spinecast.assessment.assessment import Settings

_TENS = 10.0
"""Money is shown in tens: the intervals are hundreds wide."""


def plain(text: str) -> str:
    """Text without control characters, so that a label can neither colour a terminal nor break a line."""
    return "".join(c if c.isprintable() else " " for c in text)


def percent(probability: float) -> str:
    """Whole percent; never 0 or 100 for what is neither."""
    if 0 < probability < 0.005:
        return "<1 %"
    if 0.995 <= probability < 1:
        return ">99 %"
    return f"{100 * probability:.0f} %"


def percents(low: float, high: float) -> str:
    """An interval of probabilities: 91 to 98 %. No parameter draw makes a belief certain, so no end is 0 or 100."""
    below, above = (percent(min(max(end, LEAST), 1 - LEAST)) for end in (low, high))
    return above if below == above else f"{below.removesuffix(' %')} to {above}"


LEAST = 1e-9


def versus(active: float, control: float) -> str:
    """Active against control: 54 vs 41 %."""
    return f"{100 * active:.0f} vs {100 * control:.0f} %"


def money(amount: float, *, signed: bool = False) -> str:
    """An amount in tens, with thousands set apart; the sign of a gain too, where asked."""
    rounded = _TENS * round(amount / _TENS)
    return f"{rounded:+,.0f}" if signed and rounded else f"{rounded:,.0f}"


def gain(amount: float, settings: Settings, *, signed: bool = False) -> str:
    """A value over waiting in its unit: money in tens, or relief-weeks with one decimal."""
    if settings.value_in == "money":
        return money(amount, signed=signed)
    return weeks(amount) if signed else weeks(amount).removeprefix("+")


def gains(low: float, high: float, settings: Settings) -> str:
    """An interval of values over waiting."""
    return f"{gain(low, settings)} to {gain(high, settings)}"


def weeks(number: float) -> str:
    """Weeks with one decimal and a sign, without a negative zero."""
    return f"{number:+.1f}" if abs(number) >= 0.05 else "0.0"


def harms(per_10000: float) -> str:
    """A rate per 10,000 with no more digits than it bears."""
    return f"{per_10000:.1f}" if 0 < per_10000 < 1 else f"{per_10000:,.0f}"


def place(level: str, side: str) -> str:
    """Where an action is aimed: S1 left."""
    return " ".join(part for part in (level.replace("_", "-"), side) if part)


def joined(items: Sequence[str], last: str = "or") -> str:
    """A or B; A, B or C."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def bar(low: float, probability: float, high: float, width: int = 20) -> str:
    """Filled to the lower end of the interval, shaded to the estimate, light to the upper end."""
    a, b, c = (round(width * p) for p in (low, probability, high))
    return "█" * a + "▓" * (b - a) + "░" * (c - b) + " " * (width - c)
