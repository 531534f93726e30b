"""Patient files (or the same as dicts) to codes, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.assessment.crowd import Recorded
from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.patient import Patient, parse_patient
from spinecast.assessment.recorded import SEDATION, Observation, PositiveCount
from spinecast.engines.batch import People, decode, encode
from spinecast.errors import InputError
from spinecast.network.evidence import Evidence
from spinecast.network.model import Network
from spinecast.parameters.scales import Array
from spinecast.priors.records import Priors
from spinecast.scoring.coded import Answers, Coded, Problems


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
        procedures={n: p for n, p in enumerate(patients) if p.procedures},
        patients=tuple(patients),
        problems=problems.found,
    )


def _parsed(n: int, table: Mapping[str, Any], priors: Priors, problems: Problems) -> Patient:
    try:
        return parse_patient(table, priors)
    except InputError as error:
        problems.add([n], str(error))
        return Patient()


def _answers(given: Sequence[object]) -> Answers:
    values = tuple(dict.fromkeys(v for v in given if v is not None))
    place = {value: i for i, value in enumerate(values)}
    return Answers(values, np.array([-1 if v is None else place[v] for v in given], dtype=np.int64))


def patient_of(coded: Coded, n: int, network: Network) -> Patient:
    """One coded person as a patient again."""
    if coded.patients:
        return coded.patients[n]
    evidence = decode(network, coded.people, n)
    seen = {name: _observation(network, name, vector, evidence) for name, vector in evidence.likelihood.items()}
    given = coded.procedures.get(n)
    return Patient(
        setting=network.settings[int(coded.people.setting[n])] if coded.people.setting[n] >= 0 else "",
        contexts={name: one for name, one in seen.items() if network.leaves[name].is_context},
        findings={name: one for name, one in seen.items() if not network.leaves[name].is_context},
        counts=tuple(PositiveCount(family, *count) for family, count in coded.counts.get(n, {}).items()),
        inputs={name: a.values[a.codes[n]] for name, a in coded.inputs.items() if a.codes[n] >= 0},
        procedures=given.procedures if given is not None else (),
        context_numbers={name: float(v[n]) for name, v in coded.numbers.items() if not np.isnan(v[n])},
    )


def recorded(coded: Coded, who: npt.NDArray[np.int64], network: Network) -> Recorded:
    """Some coded people as the decision layer takes them."""
    place = {int(n): i for i, n in enumerate(who)}
    names = list(network.leaves)
    soft = tuple((place[n], leaf, vector) for n, leaf, vector in coded.people.soft if n in place)
    said = {
        (place[n], leaf): seen
        for n, leaf, _ in coded.people.soft
        if coded.patients and n in place and leaf >= 0
        for seen in [{**coded.patients[n].contexts, **coded.patients[n].findings}[names[leaf]]]
    }
    return Recorded(
        People(coded.people.codes[who], coded.people.setting[who], soft),
        {name: (one.values, one.codes[who]) for name, one in coded.inputs.items()},
        {name: numbers[who] for name, numbers in coded.numbers.items()},
        {place[n]: p.procedures for n, p in coded.procedures.items() if n in place and p.procedures},
        said,
    )


def _observation(network: Network, name: str, vector: Array, evidence: Evidence) -> Observation:
    certain = np.count_nonzero(vector) == 1 and vector.max() == 1.0
    value = network.leaves[name].values[int(vector.argmax())] if certain else ""
    return Observation(tuple(vector.tolist()), value, sedation=SEDATION[evidence.sedation.get(name, len(SEDATION) - 1)])
