"""What each rule set permits for one person: procedures by rule sets, with clauses and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import spinecast
from spinecast.assessment.assess import Case
from spinecast.assessment.assessment import plain_data
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.model import Model, load_model
from spinecast.assessment.patient import Patient, parse_patient
from spinecast.decision.gates import ASK, ON_RECORD, Gate, Gates, applies, evaluate_gates
from spinecast.decision.settings import decision_settings, rule_sets
from spinecast.errors import UnknownIdError
from spinecast.frozen import dataclass
from spinecast.priors.records import Priors, Rule

SAFETY = "safety"
"""Column of the rules that hold whichever set is chosen."""

FIRST, NOT, DEFER, PERMITTED, SILENT = "first", "not permitted", "defer", "permitted", "silent"
VERDICTS = (FIRST, NOT, DEFER, ASK, PERMITTED, SILENT)
"""Strongest first. Silent: no rule of the set speaks about the procedure, so it permits it by saying nothing."""

_OF_EFFECT = {"first": FIRST, "block": NOT, "defer": DEFER, "ask": ASK}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one set says of one procedure: its own rules only, and the gates behind it."""

    verdict: str
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class RuleComparison:
    """Procedures by rule sets.

    Attributes
    ----------
    actions : mapping of procedure id to label
        Those that some rule set or safety rule speaks about.
    unmentioned : mapping of procedure id to label
        Those that none does.
    sets : mapping of rule set id to heading; "safety" first
        A procedure needs safety and the chosen set.
    rulings : mapping of (action, set) to Ruling
    """

    label: str
    actions: Mapping[str, str]
    unmentioned: Mapping[str, str]
    sets: Mapping[str, str]
    rulings: Mapping[tuple[str, str], Ruling]
    version: str
    priors_hash: str

    def permitted(self, action: str, rule_set: str) -> str:
        """The verdict of safety and the set together: the stronger of the two."""
        both = (self.rulings[action, SAFETY].verdict, self.rulings[action, rule_set].verdict)
        return min(both, key=VERDICTS.index)

    def clauses(self) -> tuple[Gate, ...]:
        """Every rule that speaks, once, in the order in which a reader meets it going along the rows."""
        met: dict[str, Gate] = {}
        for action in self.actions:
            for name in self.sets:
                for gate in self.rulings[action, name].gates:
                    met.setdefault(gate.rule, gate)
        return tuple(met.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        rows = [
            {
                "id": action,
                "label": label,
                "rulings": {
                    name: {
                        "verdict": self.rulings[action, name].verdict,
                        "with_safety": self.permitted(action, name),
                        "gates": plain_data(self.rulings[action, name].gates),
                    }
                    for name in self.sets
                },
            }
            for action, label in self.actions.items()
        ]
        return {
            "model": {"version": self.version, "priors_hash": self.priors_hash},
            "label": self.label,
            "rule_sets": [{"id": k, "label": v} for k, v in self.sets.items()],
            "procedures": rows,
            "unmentioned": list(self.unmentioned),
            "disclaimer": spinecast.DISCLAIMER,
        }


def compare_rules(
    patient: Mapping[str, Any] | Patient | str | Path, *, sets: Iterable[str] | None = None, model: Model | None = None
) -> RuleComparison:
    """Ask every rule set about one person.

    Parameters
    ----------
    patient : mapping, Patient, or path of a TOML, YAML or JSON file
    sets : iterable of str, optional
        Rule sets to compare; all of them by default.
    model : Model, optional

    Raises
    ------
    UnknownIdError
        A rule set that does not exist.
    InputError
        The patient is not lawful.
    """
    model = model or load_model()
    priors = model.priors
    chosen = tuple(sets) if sets is not None else rule_sets(priors)
    for name in chosen:
        if name not in rule_sets(priors):
            raise UnknownIdError("rule_set", name, rule_sets(priors))
    if isinstance(patient, str | Path):
        patient = read_patient_file(Path(patient))
    known = patient if isinstance(patient, Patient) else parse_patient(patient, priors)
    case = Case.of(model, known, decision_settings(priors), draws=0, seed=0)
    gates = {name: evaluate_gates(priors, case.profile, case.probabilities(), name) for name in chosen}
    rulings = {
        (action, name): _ruling(priors, action, name, gates[name if name in gates else chosen[0]])
        for action in priors.procedures
        for name in (SAFETY, *chosen)
    }
    spoken = [a for a in priors.procedures if any(rulings[a, n].verdict != SILENT for n in (SAFETY, *chosen))]
    labels = {a: p.label for a, p in priors.procedures.items()}
    return RuleComparison(
        label=known.label,
        actions={a: labels[a] for a in sorted(spoken, key=lambda a: (_KINDS.get(priors.procedures[a].kind, len(_KINDS)), a))},
        unmentioned={a: v for a, v in labels.items() if a not in spoken},
        sets={SAFETY: SAFETY} | {n: _heading(priors, n) for n in chosen},
        rulings=rulings,
        version=spinecast.__version__,
        priors_hash=priors.content_hash,
    )


_KINDS = {kind: i for i, kind in enumerate(("injection", "block", "ablation", "surgery"))}
"""Order of the rows: needles first."""


def _heading(priors: Priors, name: str) -> str:
    return priors.rule_sets[name].short if name in priors.rule_sets else name.replace("_", " ")


def _ruling(priors: Priors, action: str, name: str, gates: Gates) -> Ruling:
    own = tuple(g for g in gates.by_action[action] if g.kind != ON_RECORD and belongs(g, name))
    effects = [_OF_EFFECT[g.effect] for g in own if g.effect in _OF_EFFECT]
    if effects:
        return Ruling(min(effects, key=VERDICTS.index), own)
    return Ruling(PERMITTED if own or _speaks(priors, action, name) else SILENT, own)


def belongs(rule: Gate | Rule, name: str) -> bool:
    """Does the rule belong to the set, or to safety?"""
    return not rule.rule_sets if name == SAFETY else name in rule.rule_sets


def _speaks(priors: Priors, action: str, name: str) -> bool:
    procedure = priors.procedures[action]
    return any(belongs(r, name) and applies(r, procedure) for r in priors.rules.values())
