"""Package the scorer as an MLflow model: `python mlflow_pyfunc.py FOLDER` writes it and scores two people with it.

Needs `pip install 'spinecast[tables]' mlflow-skinny`. The model holds its own copy of the knowledge base, so that what a
registry serves does not change when the installed priors do.
"""

import sys
from typing import Any

import mlflow.pyfunc
import pandas as pd

import spinecast
from spinecast import Forecaster


class SpinecastModel(mlflow.pyfunc.PythonModel):
    """Findings in, one row of probabilities a person out; columns as in `Forecaster.schema_in` and `schema_out`."""

    def load_context(self, context: Any) -> None:
        """Load the knowledge base that was packaged with the model."""
        self.forecaster = Forecaster.load(context.artifacts["priors"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Score a table; a row that is not lawful has nulls and its reason."""
        return self.forecaster.score(model_input).to_pandas()


def save(folder: str) -> None:
    """Write the model to a folder that does not exist yet."""
    mlflow.pyfunc.save_model(
        folder,
        python_model=SpinecastModel(),
        artifacts={"priors": str(spinecast.priors_folder())},
        pip_requirements=[f"spinecast[tables]=={spinecast.__version__}"],
    )


def main(folder: str) -> None:
    """Save, load as a registry would, and score."""
    save(folder)
    people = pd.DataFrame({"straight_leg_raise": ["positive", None], "worse_walking": [None, "present"]})
    scored = mlflow.pyfunc.load_model(folder).predict(people)
    print(scored[["p_radiculopathy", "p_central_stenosis"]].round(2).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
