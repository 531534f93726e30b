"""An open probabilistic model of spine pain: findings to pain generators to what each procedure adds.

spinecast is a research and decision-support tool and not a medical device.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

DISCLAIMER = "spinecast is a research and decision-support tool and not a medical device."

_EXPORTS = {
    "ArtefactError": "errors",
    "Assessment": "assessment.assessment",
    "Forecaster": "scoring.forecaster",
    "ImpossibleFindingsError": "errors",
    "InputError": "errors",
    "InvalidValueError": "errors",
    "MalformedFileError": "errors",
    "MissingExtraError": "errors",
    "OutputError": "errors",
    "PriorsError": "errors",
    "Result": "analysis.result",
    "SpinecastError": "errors",
    "UnknownIdError": "errors",
    "assess": "assessment.assess",
    "compare_rules": "assessment.rule_comparison",
    "examples_folder": "resources",
    "load_model": "assessment.model",
    "load_priors": "priors.bundle",
    "plan_sequence": "assessment.sequence",
    "priors_folder": "resources",
    "update": "assessment.update",
}
"""Public name to the module that has it; imported when it is first asked for, so that `import spinecast` costs nothing.

A name here must not be that of a package of spinecast (assess, report ...): importing the package would replace it.
"""

__all__ = ["__version__", *_EXPORTS]  # noqa: PLE0604  the keys are strings


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'spinecast' has no attribute {name!r}")
    return getattr(importlib.import_module(f"spinecast.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
