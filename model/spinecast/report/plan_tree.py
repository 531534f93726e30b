"""A plan as a tree in a terminal."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from spinecast.report import outline
from spinecast.report.layout import QUIET, STRONG
from spinecast.report.outline import Step
from spinecast.report.words import percent


def tree_of(root: Step) -> Tree:
    """The steps of a plan with everything that can be seen after each."""
    tree = Tree(step_text(root, STRONG), guide_style=QUIET)
    _grow(tree, root)
    return tree


def step_text(step: Step, style: str = "") -> Text:
    """One step: its week, its name, and what goes with it."""
    text = Text.assemble((f"{step.when}: ", QUIET), (step.title, style))
    if step.again:
        text.append(", and on as above")
    for note in step.notes:
        text.append(f"\n{note}", QUIET)
    return text


def _grow(tree: Tree, step: Step) -> None:
    for way in step.ways:
        if way.then is None:
            tree.add(Text(f"{way.title}: {way.ends}"))
        else:
            _grow(tree.add(Text.assemble((f"{way.title}, then\n", ""), step_text(way.then))), way.then)
    if step.left_out >= outline.LEAST_SAID:
        tree.add(Text(f"rarer outcomes ({percent(step.left_out)}): assess again", QUIET))
