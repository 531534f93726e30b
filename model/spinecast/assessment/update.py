"""Resume an assessment with an outcome: the posterior and the plan move on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spinecast.assessment.assess import Case, prepare
from spinecast.assessment.assessment import Assessment
from spinecast.assessment.files import read_patient_file, read_record
from spinecast.assessment.follow_up import Expected, FollowUp, Resumed, Shift
from spinecast.assessment.model import Model, load_model
from spinecast.assessment.outcome import HALF, MEDICATIONS, Outcome, parse_outcome
from spinecast.assessment.outcome_evidence import informs, review_curves
from spinecast.assessment.patient import Patient
from spinecast.assessment.progress import progress, worse_or_better
from spinecast.decision.gates import Gate, evaluate_gates
from spinecast.decision.outcomes import compile_outcomes
from spinecast.errors import InvalidValueError, MalformedFileError
from spinecast.priors.records import Priors

RESUMED = ("rule_set", "willingness_to_pay", "horizon_weeks", "value_in", "depth", "draws", "seed")
"""Settings of an assessment that its update keeps."""

UNLIKELY = 0.1
"""Probability below which an outcome is said to be one that the model did not expect."""

HASH_SHOWN = 12
"""Digits of a hash in a message."""

TOLERATED = 2.0
"""Points of 10 by which pain and relief may disagree before it is said."""


def update(
    assessment: Assessment | Mapping[str, Any] | str | Path,
    outcome: Outcome | Mapping[str, Any] | str | Path,
    *,
    model: Model | None = None,
    **settings: Any,
) -> FollowUp:
    """Update an assessment with what was done and how it went.

    Parameters
    ----------
    assessment : Assessment, its JSON as a mapping, a patient table, or the path of either
    outcome : Outcome, mapping, or path of a TOML, YAML or JSON file
        `spinecast new outcome FILE.toml` writes one to fill in.
    model : Model, optional
    settings
        Those of `assess`; the assessment's own by default.

    Returns
    -------
    FollowUp

    Raises
    ------
    InputError
        Something given is not lawful, or the assessment carries no patient.
    """
    model = model or load_model()
    table, resumed, kept = _resumable(assessment, model)
    told = _outcome(outcome, model.priors)
    chosen = {**kept, **{k: v for k, v in settings.items() if v is not None}}
    before = prepare(table, model=model, **chosen)
    after = prepare(moved_on(table, told, before.patient, model.priors), model=model, **chosen)
    _same_person(before.patient, told)
    answer = after.assessment()
    first = before.ranking(before.options())[0]
    target, expected, shifts = _evidence(before, after)
    marks = progress(before.patient, after.patient, model.priors)
    return FollowUp(
        label=after.patient.label,
        outcome=told,
        procedure=model.priors.procedures[told.procedure].label,
        target=target,
        expected=expected,
        shifts=shifts,
        progress=marks,
        advice=_advice(answer),
        conflicts=tuple(_conflicts(before, told, expected, [p.direction for p in marks], resumed)),
        resumed=resumed,
        first_before=first.label,
        after=answer,
    )


def _resumable(
    given: Assessment | Mapping[str, Any] | str | Path, model: Model
) -> tuple[dict[str, Any], Resumed | None, dict[str, Any]]:
    """The patient's table, what the assessment was made with, and its settings; the last two empty for a patient file."""
    if isinstance(given, Assessment):
        given = given.to_dict()
    if isinstance(given, str | Path):
        path = Path(given)
        given = read_record(path) if path.suffix == ".json" else read_patient_file(path)
    table = dict(given.get("assessment", given))
    if "model" not in table or "ranking" not in table:
        return table, None, {}
    if not table.get("patient"):
        raise MalformedFileError(
            "this assessment does not carry its patient, so it cannot be resumed: make it anew from the patient file, or give that file"
        )
    made = table["model"]
    same = made.get("priors_hash") == model.priors.content_hash
    kept = {name: table["settings"][name] for name in RESUMED if name in table.get("settings", {})}
    return dict(table["patient"]), Resumed(str(made.get("version", "")), str(made.get("priors_hash", "")), same), kept


def _outcome(given: Outcome | Mapping[str, Any] | str | Path, priors: Priors) -> Outcome:
    if isinstance(given, Outcome):
        return given
    return parse_outcome(read_patient_file(Path(given), what="outcome") if isinstance(given, str | Path) else given, priors)


def _same_person(before: Patient, outcome: Outcome) -> None:
    if outcome.same_procedure and (not before.procedures or before.procedures[-1].procedure != outcome.procedure):
        last = before.procedures[-1].procedure if before.procedures else "none"
        raise InvalidValueError("procedure", outcome.procedure, f"the last one recorded ({last}), or same_procedure = false")


def moved_on(table: Mapping[str, Any], outcome: Outcome, before: Patient, priors: Priors) -> dict[str, Any]:
    """The patient's table as it is now: the procedure in the history, time passed, answers replaced, the baseline kept.

    Contexts and findings stay as they were recorded: what has changed of the person since stands under `now`, for rules and
    modifiers only, so that recovery is not counted a second time as evidence about the cause.
    """
    moved = dict(table)
    moved["elapsed_weeks"] = before.elapsed_weeks + outcome.elapsed_weeks
    moved["baseline"] = {**_measured(before, priors), **dict(table.get("baseline", {}))}
    moved["inputs"] = {**dict(table.get("inputs", {})), **_answers(outcome, before, priors)}
    moved["now"] = {**dict(table.get("now", {})), **outcome.context, **_opioids(outcome, before)}
    moved["findings"] = {**dict(table.get("findings", {})), **outcome.findings}
    moved["procedures"] = [*_earlier(table, before, outcome), _record(outcome)]
    moved["goals"] = [
        {**dict(g), **({"now": outcome.goals[g["goal"]]} if g["goal"] in outcome.goals else {})} for g in table.get("goals", [])
    ]
    return moved


def _measured(before: Patient, priors: Priors) -> dict[str, Any]:
    return {k: v for k, v in before.inputs.items() if priors.inputs[k].better or priors.inputs[k].progress}


def _answers(outcome: Outcome, before: Patient, priors: Priors) -> dict[str, Any]:
    """Inputs as they are now; what relief changes and was not asked again follows from it, or is no longer known."""
    answers: dict[str, Any] = {"earlier_injections": "listed"}
    severity = before.baseline.get("pain_severity", before.inputs.get("pain_severity"))
    if outcome.relief_percent is not None:
        answers["relief_holding"] = "yes" if outcome.holds else "no"
        if isinstance(severity, int | float):
            answers["pain_severity"] = round(severity * (1 - outcome.relief_percent / 100), 1)
        if outcome.holds:
            answers |= {k: "unknown" for k in ("sleep_awakenings", "therapy_tolerance") if k in before.inputs}
    weeks = before.inputs.get("conservative_care_weeks")
    cared = outcome.rehabilitation or priors.procedures[outcome.procedure].kind == "conservative"
    if cared and isinstance(weeks, int | float):
        answers["conservative_care_weeks"] = weeks + outcome.elapsed_weeks
    elif cared:
        answers["conservative_care_weeks"] = outcome.elapsed_weeks
    for name, key in zip(MEDICATIONS[1:], ("benzodiazepine_use", "muscle_relaxant_use"), strict=True):
        if name in outcome.medications:
            answers[key] = "no" if outcome.medications[name] == "stopped" else "yes"
    return answers | dict(outcome.inputs)


def _opioids(outcome: Outcome, before: Patient) -> dict[str, str]:
    change = outcome.medications.get("opioids")
    known = before.now.get("opioid_use") or (before.contexts["opioid_use"].value if "opioid_use" in before.contexts else "")
    if change is None or (change in ("same", "reduced", "increased") and known not in ("", "none")):
        return {}
    return {"opioid_use": "none" if change == "stopped" else "some"}


def _earlier(table: Mapping[str, Any], before: Patient, outcome: Outcome) -> list[dict[str, Any]]:
    """Records of before, so many weeks further back; a later look at the last procedure replaces it."""
    records = [dict(r) for r in table.get("procedures", [])]
    for record, known in zip(records, before.procedures, strict=True):
        record.pop("date", None)
        if known.weeks_ago is not None:
            record["weeks_ago"] = known.weeks_ago + outcome.elapsed_weeks
    return records[:-1] if outcome.same_procedure else records


def _record(outcome: Outcome) -> dict[str, Any]:
    lasted = outcome.weeks if outcome.relief_weeks is None and outcome.holds else outcome.relief_weeks
    best = outcome.best_relief_percent if outcome.best_relief_percent is not None else outcome.relief_percent
    fields: dict[str, Any] = {
        "procedure": outcome.procedure,
        "weeks_ago": outcome.weeks,
        "side": outcome.side or None,
        "levels": outcome.level.split() or None,
        "drug": outcome.drug or None,
        "sedation": outcome.sedation,
        "relief_percent": outcome.block_relief_percent,
        "best_relief_percent": best,
        "duration_weeks": lasted,
        "reviewed_weeks": outcome.weeks if outcome.relief_percent is not None else None,
        "reviewed_relief_percent": outcome.relief_percent,
    }
    return {k: v for k, v in fields.items() if v is not None}


def _evidence(before: Case, after: Case) -> tuple[str, Expected | None, tuple[Shift, ...]]:
    """What was aimed at, what was to be expected, and how each generator moved."""
    priors, record = before.model.priors, after.patient.procedures[-1]
    procedure = priors.procedures[record.procedure]
    was, now = before.probabilities(), after.probabilities()
    ratio = dict.fromkeys(before.model.network.space.generators, 1.0)
    expected = None
    space = before.model.network.space
    if informs(record, procedure):
        outcomes = compile_outcomes(priors, space, before.profile)
        curves = review_curves(outcomes, record, space.levels, before.places, procedure)
        chance = np.clip(curves.active[0] @ outcomes.share.T, 0.0, 1.0)
        relieved = (record.reviewed_relief_percent or 0.0) >= HALF
        seen = chance if relieved else 1 - chance
        pain = before.belief @ outcomes.share
        active = float(before.belief @ chance)
        expected = Expected(
            float(pain @ curves.natural[0]), float(pain @ curves.control[0]), active, active if relieved else 1 - active
        )
        for generator in ratio:
            mask = space.mask(generator).astype(bool)
            with_it, without = before.belief[mask], before.belief[~mask]
            if with_it.sum() > 0 and without.sum() > 0:
                ratio[generator] = float((with_it @ seen[mask] / with_it.sum()) / (without @ seen[~mask] / without.sum()))
    names = before.model.network.generator_labels
    shifts = [Shift(g, names[g], was[g, ""], now[g, ""], ratio[g]) for g in ratio]
    aimed = [e.generator for e in procedure.effects if (e.generator, "") in was]
    target = max(aimed, key=lambda g: was[g, ""], default="")
    return target, expected, tuple(sorted(shifts, key=lambda s: (-abs(s.after - s.before), s.id)))


def _advice(answer: Assessment) -> tuple[Gate, ...]:
    """Rules about the follow-up: what goes first, tapering, relief that holds or injections that failed."""
    found: dict[str, Gate] = {g.rule: g for g in answer.flags if g.effect == "first"}
    for row in answer.ranking:
        for gate in row.gates:
            if gate.kind == "follow_up" or gate.rule in SPOKEN:
                found.setdefault(gate.rule, gate)
    return tuple(found.values())


SPOKEN = ("relief_holds", "failed_injections_roadmap")
"""Rules that hold needles back because of how the last one went."""


def _conflicts(
    before: Case, outcome: Outcome, expected: Expected | None, directions: list[str], resumed: Resumed | None
) -> Iterator[str]:
    """What does not fit together, in plain words; nothing is corrected silently."""
    if resumed is not None and not resumed.same:
        yield (
            f"The assessment was made with other priors ({resumed.priors_hash[:HASH_SHOWN]}, spinecast {resumed.version}; today's are "
            f"{before.model.priors.content_hash[:HASH_SHOWN]}): it was computed anew before the outcome was added."
        )
    yield from _gated(before, outcome)
    yield from _pain(before, outcome)
    better, worse = directions.count("better"), directions.count("worse")
    if outcome.holds and worse > better:
        yield f"Half relief is told, and yet {worse_or_better(worse)} worse than at the start: ask which of the two is meant."
    if outcome.holds is False and better and not worse:
        yield f"Less than half relief is told, and yet {worse_or_better(better)} better than at the start: function is what counts."
    if outcome.holds and "increased" in outcome.medications.values():
        yield "Relief is told while a medicine was increased: the medicine may have brought it."
    if expected is not None and expected.outcome < UNLIKELY:
        yield f"The model gave this outcome {100 * expected.outcome:.0f} %: it did not expect it. Check what was entered."


def _gated(before: Case, outcome: Outcome) -> Iterator[str]:
    gates = evaluate_gates(before.model.priors, before.profile, before.probabilities(), before.settings.rule_set)
    for gate in gates.by_action[outcome.procedure]:
        if gate.effect in ("block", "defer"):
            yield f"It was done although a rule did not permit it then: {gate.label}."


def _pain(before: Case, outcome: Outcome) -> Iterator[str]:
    severity = before.patient.baseline.get("pain_severity", before.patient.inputs.get("pain_severity"))
    told = outcome.inputs.get("pain_severity")
    if isinstance(severity, int | float) and isinstance(told, int | float) and outcome.relief_percent is not None:
        left = severity * (1 - outcome.relief_percent / 100)
        if abs(left - told) > TOLERATED:
            yield f"Relief of {outcome.relief_percent:g} % of a pain of {severity:g} leaves {left:.1f}, and {told:g} is told."
    best = outcome.best_relief_percent
    if best is not None and outcome.relief_percent is not None and best < outcome.relief_percent:
        yield f"The best relief ({best:g} %) is less than today's ({outcome.relief_percent:g} %)."
    if outcome.holds and outcome.relief_weeks is not None and outcome.relief_weeks < outcome.weeks:
        yield f"Half relief is told to hold and also to have ended after {outcome.relief_weeks:g} weeks."
