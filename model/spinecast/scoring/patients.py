"""Patient files (or the same as dicts) to codes, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.patient import Patient, parse_patient
from spinecast.engines.batch import encode
from spinecast.errors import InputError, MalformedFileError
from spinecast.network.model import Network
from spinecast.priors.records import Priors
from spinecast.scoring.coded import Answers, Coded, Problems
from spinecast.scoring.encoding import history


def encode_patients(tables: Sequence[Mapping[str, Any]], priors: Priors, network: Network) -> Coded:
    """Codes of people whose patient files these are; what is not lawful becomes that person's reason."""
    problems = Problems()
    patients = [_parsed(n, table, priors, problems) for n, table in enumerate(tables)]
    evidence = [to_evidence(p, network) for p in patients]
    names = {name for p in patients for name in p.inputs}
    numbers = {name for p in patients for name in p.context_numbers}
    return Coded(
        people=encode(network, [replace(e, counts={}) for e in evidence]),
        counts={n: e.counts for n, e in enumerate(evidence) if e.counts},
        inputs={name: _answers([p.inputs.get(name) for p in patients]) for name in sorted(names)},
        numbers={name: np.array([p.context_numbers.get(name, np.nan) for p in patients]) for name in sorted(numbers)},
        history={n: history(p) for n, p in enumerate(patients) if p.procedures},
        rule_sets={n: p.rule_set for n, p in enumerate(patients) if p.rule_set},
        problems=problems.found,
    )


def _parsed(n: int, table: Mapping[str, Any], priors: Priors, problems: Problems) -> Patient:
    try:
        patient = parse_patient(table, priors)
        if any(p.reviewed for p in patient.procedures) or patient.elapsed_weeks or patient.now:
            raise MalformedFileError(
                "a follow-up (elapsed_weeks, now, reviewed procedures) is weighed by `spinecast update`, not in tables"
            )
        return patient
    except InputError as error:
        problems.add([n], str(error))
        return Patient()


def _answers(given: Sequence[object]) -> Answers:
    values = tuple(dict.fromkeys(v for v in given if v is not None))
    place = {value: i for i, value in enumerate(values)}
    return Answers(values, np.array([-1 if v is None else place[v] for v in given], dtype=np.int64))
