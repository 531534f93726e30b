"""From a checked patient to what the network understands."""

from __future__ import annotations

import numpy as np

from spinecast.assessment.patient import Patient
from spinecast.assessment.reliability import as_recorded
from spinecast.network.evidence import SEDATION, Evidence
from spinecast.network.model import Network


def to_evidence(patient: Patient, network: Network) -> Evidence:
    """Likelihoods of everything observed, softened by how well it was recorded; an unknown setting stays unknown."""
    observed = {**patient.contexts, **patient.findings}
    setting = None
    if patient.setting:
        setting = np.array([float(s == patient.setting) for s in network.settings])
    return Evidence(
        likelihood={
            k: np.array(v.likelihood) if v.kappa is None else as_recorded(network, k, np.array(v.likelihood), v.kappa, setting)
            for k, v in observed.items()
            if k in network.leaves
        },
        setting=setting,
        sedation={k: SEDATION[v.sedation] for k, v in patient.findings.items() if k in network.leaves},
        counts={c.family: (c.tests, c.positive) for c in patient.counts},
    )
