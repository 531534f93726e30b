"""Fixed pathways, as somebody demands them: what comes next is written down and not chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spinecast.decision.planner import Choose, Outlook
from spinecast.priors.records import Pathway, Turn


def chooser(pathway: Pathway, actions: Sequence[str]) -> tuple[tuple[str, int], Choose]:
    """First step of a pathway, and what follows each result, as `Planner.follow` wants them.

    Parameters
    ----------
    pathway : Pathway
    actions : sequence of str
        Of the outcome model; steps are looked up in it.
    """
    steps = {step.id: step for step in pathway.steps}
    index = {name: a for a, name in enumerate(actions)}

    def choose(key: str, seen: Outlook) -> tuple[str, int] | None:
        for turn in steps[key].turns:
            if _fits(turn, seen):
                return turn.go, index[steps[turn.go].action]
        return None

    first = pathway.steps[0]
    return (first.id, index[first.action]), choose


def _fits(turn: Turn, seen: Outlook) -> bool:
    if turn.after and turn.after != seen.status:
        return False
    return turn.relief_percent is None or (seen.percent is not None and seen.percent >= turn.relief_percent)


def pathways_for(pathways: Mapping[str, Pathway], leader: str) -> tuple[Pathway, ...]:
    """Pathways for everybody, then those for people whose most probable source is `leader`."""
    return tuple(
        sorted((p for p in pathways.values() if not p.generators or leader in p.generators), key=lambda p: (p.generators, p.id))
    )
