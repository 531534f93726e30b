"""What could be known exactly: draws of the inputs of every kind of number, published question, outcome number or study.

A study (evidence source) redone without limit would tell what its questions' answers are; that is what its inputs are here: the answers of
the model to the published questions of that source, to first order in the parameters (see `laplace`), and the outcome numbers that cite it.
Where several studies were pooled into one number, each stands for all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from spinecast.analysis.laplace import laplace
from spinecast.analysis.movable import figure_label, outcome_label
from spinecast.analysis.outcome_numbers import rows_behind
from spinecast.analysis.result import Basis, sources_of
from spinecast.assessment.model import Model
from spinecast.decision.outcomes import Outcomes
from spinecast.decision.settings import DecisionSettings
from spinecast.errors import UnknownIdError
from spinecast.parameters.scales import Array
from spinecast.priors.bibliography import read_sources

GROUP, PARAMETER, SOURCE = "group", "parameter", "source"
KINDS = (GROUP, PARAMETER, SOURCE)

Groups = Mapping[str, tuple[Array, tuple[str, ...]]]
"""Name to the draws of its inputs (K, d) and the source keys behind it."""

OUTCOME_GROUPS = {
    "natural_course": "natural course",
    "contextual_effect": "contextual effect of active care",
    "utility": "utility of relief",
    "therapy": "tolerance of therapy",
    "extrapolation": "how long relief lasts beyond a year",
}
NETWORK_GROUPS = {
    "settings": "how common each source of pain is",
    "contexts": "who has which source of pain",
    "dependencies": "how findings hang together",
    "findings": "accuracy of history, examination, imaging and blocks",
}


class Drawn(Protocol):
    """A decision, or those of a whole cohort, under draws of every number: `psa.PSA` and `population.Population`."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def settings(self) -> DecisionSettings:
        """How values are made."""

    @property
    def theta(self) -> Array:
        """Network parameters, point estimate first; (1 + K, P)."""

    @property
    def normal(self) -> Mapping[str, Array]:
        """Standard normals of the outcome numbers by name; (1 + K,)."""

    @property
    def touched(self) -> tuple[int, ...]:
        """Free parameters that the beliefs depend on."""

    @property
    def outputs(self) -> Array:
        """Values under the draws of the options that each person has, one of them repeated in the place of what is not permitted; (K, N, A)."""

    @property
    def chances(self) -> Array:
        """Belief in each generator level, of the patient or of the average person; (L,)."""

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action of the outcome model."""

    @property
    def each(self) -> str:
        """What a value is for: a decision, a person."""

    @property
    def scope(self) -> str:
        """Whose decision, to end a title with."""

    @property
    def caveat(self) -> str:
        """How decisions are made while numbers move."""

    def outcomes(self) -> Outcomes:
        """The outcome model under the same draws, of the patient or of the average person."""

    def basis(self, **choices: str | float) -> Basis:
        """What results rest on."""


def groups(run: Drawn, kind: str) -> Groups:
    """Inputs of every group of one kind.

    Raises
    ------
    UnknownIdError
        The kind is not one of `KINDS`.
    """
    if kind not in KINDS:
        raise UnknownIdError("by", kind, KINDS)
    return {GROUP: _by_group, PARAMETER: _by_parameter, SOURCE: _by_source}[kind](run)


def _by_group(run: Drawn) -> Groups:
    """Kinds of number: four of the network, and the parts of the outcome model."""
    members: dict[str, list[Array]] = {}
    rows: dict[str, set[str]] = {}
    for p in run.touched:
        parameter = run.model.network.parameters[p]
        name = NETWORK_GROUPS[parameter.name.partition("/")[0]]
        members.setdefault(name, []).append(run.theta[1:, p])
        rows.setdefault(name, set()).update(parameter.quantity.rows if parameter.quantity is not None else ())
    for number, z in run.normal.items():
        name = outcome_group(number)
        members.setdefault(name, []).append(z[1:])
        rows.setdefault(name, set()).update(rows_behind(run.model.priors, number))
    return {name: (np.stack(columns, axis=1), sources_of(run.model, rows[name])) for name, columns in members.items()}


def outcome_group(name: str) -> str:
    """Part of the outcome model that a number belongs to."""
    head, _, rest = name.partition("/")
    if head != "procedures":
        return OUTCOME_GROUPS.get(head.partition("[")[0], "other outcome numbers")
    tail = rest.partition("/")[2]
    if tail == "cost":
        return "costs"
    if tail.startswith("modifier"):
        return "modifiers of effects"
    return "effects of procedures" if tail[:1].isdigit() or "[" in tail else "harms"


def _by_parameter(run: Drawn) -> Groups:
    """Every published question that the fit met, and every outcome number or curve, each alone."""
    fit = laplace(run.model)
    answers = fit.answers(run.theta[1:])
    found: dict[str, tuple[Array, tuple[str, ...]]] = {}
    for i in fit.holding(run.touched).tolist():
        figure = fit.figures[i]
        found[figure_label(run.model, figure)] = (answers[:, [i]], sources_of(run.model, figure.rows))
    wholes: dict[str, list[Array]] = {}
    for name, z in run.normal.items():
        wholes.setdefault(name.partition("[")[0], []).append(z[1:])
    for name, columns in wholes.items():
        rows = rows_behind(run.model.priors, name)
        found[outcome_label(run.model, name)] = (np.stack(columns, axis=1), sources_of(run.model, rows))
    return found


def _by_source(run: Drawn) -> Groups:
    """Every evidence source: the answers to its questions and the outcome numbers that cite it."""
    fit = laplace(run.model)
    columns: dict[str, list[Array]] = {}
    answers = fit.answers(run.theta[1:])
    for i in fit.holding(run.touched).tolist():
        for source in sources_of(run.model, fit.figures[i].rows):
            columns.setdefault(source, []).append(answers[:, i])
    for name, z in run.normal.items():
        for source in sources_of(run.model, rows_behind(run.model.priors, name)):
            columns.setdefault(source, []).append(z[1:])
    cited = read_sources(run.model.priors.folder / "sources.bib")
    return {cited[key].short if key in cited else key: (np.stack(c, axis=1), (key,)) for key, c in columns.items()}
