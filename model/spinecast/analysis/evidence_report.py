"""How much rests on evidence: parameters counted, and weighted by their influence on the worked patients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinecast.assessment import influence, reasons
from spinecast.assessment.evidence import to_evidence
from spinecast.assessment.files import read_patient_file
from spinecast.assessment.model import Model
from spinecast.assessment.patient import parse_patient
from spinecast.engines import exact
from spinecast.parameters.pooling import cites_rows


def evidence_report(model: Model, patients: Mapping[str, Path]) -> dict[str, Any]:
    """Counts over all parameters, and the influence-weighted share over patients.

    Influence is the absolute slope of the log-odds of the leading generator in each parameter on its own scale.
    A parameter whose quantity cites rows that were read rests on them; another by as much as the fitted questions
    narrowed its assumption. Rows from memory do not count.

    Returns
    -------
    dict
        `parameters`, `from_evidence` (of which `derived` were judged from their rows), `assumed`,
        `share_of_influence_from_evidence` (of which `share_of_influence_derived`), `patients` (share and the assumed
        numbers leaned on most, by patient).
    """
    free = [i for i, p in enumerate(model.network.parameters) if p.sd > 0 and p.quantity is not None]
    cited = [i for i in free if (q := model.network.parameters[i].quantity) is not None and cites_rows(q, model.priors.rows)]
    by_patient: dict[str, Any] = {}
    derived = {i for i in cited if (q := model.network.parameters[i].quantity) is not None and q.derived is not None}
    total = rests = judged = 0.0
    for name, path in patients.items():
        slopes = _slopes(model, path)
        share, assumed = influence.share_from_evidence(model, slopes)
        by_patient[name] = {"share": share, "assumed": [{"parameter": n, "share": v} for n, v in assumed]}
        total += 1.0
        rests += share
        judged += sum(v for i, v in slopes.items() if i in derived) / max(sum(slopes.values()), 1e-12)
    return {
        "parameters": len(free),
        "from_evidence": len(cited),
        "derived": len(derived),
        "assumed": len(free) - len(cited),
        "share_of_influence_from_evidence": rests / total if total else 0.0,
        "share_of_influence_derived": judged / total if total else 0.0,
        "patients": by_patient,
    }


def _slopes(model: Model, path: Path) -> dict[int, float]:
    network = model.network
    evidence = to_evidence(parse_patient(read_patient_file(path), model.priors), network)
    states = exact.posterior(network, network.theta, evidence).states
    found = exact.marginals(network, states)
    leader = max(found, key=lambda g: float(found[g]))
    parts = reasons.joint_parts(network, network.theta, evidence)
    return influence.influences(network, evidence, parts, leader)
