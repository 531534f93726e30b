"""Laws of the published trials and of the curves that are fitted to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spinecast.priors.documents import Corpus, Document, Path_, quantities
from spinecast.priors.problems import Problem, nearest, one_of

CONTROLS = ("sham", "usual_care")
NONSPECIFIC = "nonspecific"


def trials_name_what_exists(corpus: Corpus) -> Iterator[Problem]:
    """A trial's setting, the procedures of its arms, and the contexts and values that it divides by exist."""
    for document in corpus.of("trial"):
        table = document.table
        yield from _exists(document, ("setting",), table["setting"], corpus.ids["setting"], "setting")
        for i, arm in enumerate(table["arms"]):
            for name in named(arm):
                known = (*corpus.ids["procedure"], *CONTROLS)
                yield from _exists(document, ("arms", i, "arm"), name, known, "procedure or control")
        for context, shares in table.get("shares", {}).items():
            yield from _exists(document, ("shares", context), context, corpus.ids["context"], "context")
            home = corpus.by_id.get(("context", context))
            values = home.table["values"] if home else [*shares]
            for value in shares:
                yield from _exists(document, ("shares", context, value), value, values, f"value of {context}")
        for name in table.get("patient", {}).get("findings", {}):
            known = (*corpus.ids["finding"], *corpus.ids["dependency"])
            yield from _exists(document, ("patient", "findings", name), name, known, "finding")
        for name in table.get("patient", {}).get("context", {}):
            yield from _exists(document, ("patient", "context", name), name, corpus.ids["context"], "context")


def _exists(document: Document, path: Path_, value: str, known: Iterable[str], what: str) -> Iterator[Problem]:
    allowed = list(known)
    if value not in allowed:
        yield document.problem(path, value, f"there is no such {what}", one_of(allowed), nearest(value, allowed))


def named(arm: Mapping[str, Any]) -> tuple[str, ...]:
    """What an arm's people had: one procedure or control, or the procedures that a review pools."""
    return (arm["arm"],) if isinstance(arm["arm"], str) else tuple(arm["arm"])


def unfitted_figures_say_why(corpus: Corpus) -> Iterator[Problem]:
    """A time point that the curves are not fitted to says why, and so does a figure that is no time point."""
    for document in corpus.of("trial"):
        for i, arm in enumerate(document.table["arms"]):
            if not arm.get("fitted", True) and not arm.get("why"):
                yield document.problem(("arms", i, "why"), "", "is missing: the time point is not fitted", "the reason")


def fitted_rows_count_once(corpus: Corpus) -> Iterator[Problem]:
    """A row that a curve is fitted to is not also behind a number stated of that curve, nor fitted in a second trial."""
    fitted: dict[str, tuple[str, set[str]]] = {}
    for document, i, arm in _fitted(corpus):
        for row in arm["published"].get("rows", ()):
            if row in fitted and fitted[row][0] != document.id:
                message = f"the row is already fitted in trials/{fitted[row][0]}.toml"
                yield document.problem(("arms", i, "published", "rows"), row, message, "one trial a row")
            fitted.setdefault(row, (document.id, set()))[1].update(_curves(document, arm))
    for document, path, curve, table in _statements(corpus):
        for row in table.get("rows", ()):
            if row in fitted and curve in fitted[row][1]:
                message = f"the row is fitted in trials/{fitted[row][0]}.toml already, so that it would count twice"
                yield document.problem((*path, "rows"), row, message, "rows that no trial brings")


def _fitted(corpus: Corpus) -> Iterator[tuple[Document, int, Mapping[str, Any]]]:
    for document in corpus.of("trial"):
        for i, arm in enumerate(document.table["arms"]):
            if arm.get("fitted", True):
                yield document, i, arm


def _curves(document: Document, arm: Mapping[str, Any]) -> Iterator[str]:
    """The curves that a time point bears on: the effect of its procedure, else context or natural course."""
    generator = document.table.get("generator", "")
    for name in named(arm):
        if name not in CONTROLS:
            yield f"{name}/{generator}" if generator else name
        elif arm.get("over"):
            yield "contextual_effect"
        else:
            yield f"natural/{generator}"


def _statements(corpus: Corpus) -> Iterator[tuple[Document, Path_, str, Mapping[str, Any]]]:
    """Every number stated of a curve, with the curve."""
    for document in corpus.of("procedure"):
        for i, effect in enumerate(document.table.get("effects", ())):
            for path, table in quantities(effect.get("difference", {}), ("effects", i, "difference")):
                yield document, path, f"{document.id}/{effect['generator']}", table
                yield document, path, document.id, table
    for document in corpus.of("natural_course"):
        for path, table in quantities(document.table):
            yield document, path, f"natural/{document.table['generator']}", table
    for document in corpus.documents:
        if document.kind == "economics" and document.sound:
            for path, table in quantities(document.table.get("contextual_effect", {}), ("contextual_effect",)):
                yield document, path, "contextual_effect", table


def effects_rest_on_something(corpus: Corpus) -> Iterator[Problem]:
    """Every effect has a number stated of it, or a fitted trial of its procedure in people who have its generator."""
    known = {curve for document, _, arm in _fitted(corpus) for curve in _curves(document, arm)}
    for document in corpus.of("procedure"):
        for i, effect in enumerate(document.table.get("effects", ())):
            if not effect.get("difference") and not {f"{document.id}/{effect['generator']}", document.id} & known:
                expected = "one of week_2, week_4, week_13, week_26, week_52, or a fitted trial"
                yield document.problem(("effects", i, "difference"), "", "is missing: no fitted trial bears on it", expected)


def likeness_exists(corpus: Corpus) -> Iterator[Problem]:
    """An effect that is `like` another procedure's finds there an effect on the same generator at the same levels."""
    reached = {
        (d.id, e["generator"], tuple(e.get("levels", ()))) for d in corpus.of("procedure") for e in d.table.get("effects", ())
    }
    for document in corpus.of("procedure"):
        for i, effect in enumerate(document.table.get("effects", ())):
            like = effect.get("like")
            place = (effect["generator"], tuple(effect.get("levels", ())))
            if like and (like, *place) not in reached:
                allowed = [name for name, *rest in reached if tuple(rest) == place and name != document.id]
                message = f"has no effect on {effect['generator']}"
                yield document.problem(("effects", i, "like"), like, message, one_of(sorted(allowed)), nearest(like, allowed))


LAWS = (trials_name_what_exists, unfitted_figures_say_why, fitted_rows_count_once, effects_rest_on_something, likeness_exists)
