"""The scorer as a scikit-learn classifier: one generator's probability as `predict_proba`, for pipelines and their metrics."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spinecast.assessment.model import REGION
from spinecast.errors import InvalidValueError, UnknownIdError
from spinecast.extras import need
from spinecast.parameters.scales import Array
from spinecast.scoring.forecaster import Forecaster

EXTRA = "sklearn"
ABSENT, PRESENT = "no", "yes"

need("sklearn", EXTRA)  # a clear error first

from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402


class ForecasterClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """Is one generator active (or at which level), from a table of findings.

    Nothing is learned: `fit` only checks its input, so that the model can stand where a trained classifier would, in
    `cross_validate`, calibration curves and decision curves. To learn from outcomes see the analyses.

    Parameters
    ----------
    target : str
        A generator.
    by_level : bool
        Classes are "no" and the levels, instead of "no" and "yes".
    priors : path, optional
        A priors folder with its fit; the installed one by default.
    region : str

    Attributes
    ----------
    classes_ : ndarray of str
    n_features_in_ : int
    feature_names_in_ : ndarray of str

    Examples
    --------
    >>> import pandas as pd
    >>> findings = pd.DataFrame({"straight_leg_raise": ["positive", "negative"]})
    >>> ForecasterClassifier("radiculopathy").fit(findings).predict_proba(findings).shape
    (2, 2)
    """

    def __init__(
        self, target: str = "radiculopathy", *, by_level: bool = False, priors: str | Path | None = None, region: str = REGION
    ) -> None:
        self.target = target
        self.by_level = by_level
        self.priors = priors
        self.region = region

    def fit(self, X: Any, y: Any = None) -> ForecasterClassifier:
        """Check that the columns of X are known and, where given, that y holds nothing but the classes.

        Parameters
        ----------
        X : DataFrame or Arrow table
            As for `Forecaster.score`; what is missing is not observed.
        y : sequence of str, optional

        Raises
        ------
        UnknownIdError
            There is no such generator or column, or y holds something else than the classes.
        """
        generators = self._forecaster().network.space.generators
        if self.target not in generators:
            raise UnknownIdError("target", self.target, generators)
        names = _names(X)
        self.classes_ = np.array([ABSENT, *(self._levels() if self.by_level else [PRESENT])])
        self.n_features_in_ = len(names)
        self.feature_names_in_ = np.array(names, dtype=object)
        self._forecaster().score(X[:0])
        for value in () if y is None else np.unique(np.asarray(y)).tolist():
            if value not in self.classes_:
                raise UnknownIdError("y", value, self.classes_.tolist())
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class; shape (N, classes).

        Raises
        ------
        InvalidValueError
            A row is not lawful, or its findings cannot all be true: sklearn has no place for a missing answer.
        """
        need("sklearn.utils.validation", EXTRA).check_is_fitted(self)
        if _names(X) != self.feature_names_in_.tolist():
            raise InvalidValueError("columns", ", ".join(_names(X)), f"those that fit saw: {', '.join(self.feature_names_in_)}")
        scored = self._forecaster().score(X)
        for row, reason in enumerate(scored["reason"].to_pylist()):
            if reason is not None:
                raise InvalidValueError(f"row {row + 1}", reason, "a lawful row; drop it, or use Forecaster.score")
        active = np.stack([scored[f"p_{name}"].to_numpy() for name in self._columns()], axis=1)
        return np.concatenate([1.0 - active.sum(axis=1, keepdims=True), active], axis=1)

    def predict(self, X: Any) -> npt.NDArray[np.str_]:
        """The most probable class of each row."""
        most = self.predict_proba(X).argmax(axis=1)
        chosen: npt.NDArray[np.str_] = self.classes_[most]
        return chosen

    def __sklearn_tags__(self) -> Any:
        """Tables of texts with gaps are welcome, and nothing is checked that sklearn would check."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.target_tags.required = False
        tags.no_validation = True
        return tags

    def _columns(self) -> list[str]:
        return [f"{self.target}_{level}" for level in self._levels()] if self.by_level else [self.target]

    def _levels(self) -> list[str]:
        levels = [level for generator, level in self._forecaster().network.space.levels if generator == self.target and level]
        if not levels:
            raise InvalidValueError("by_level", self.by_level, f"False: {self.target} has no levels")
        return levels

    def _forecaster(self) -> Forecaster:
        return _loaded(None if self.priors is None else str(self.priors), self.region)


def _names(X: Any) -> list[str]:
    """Column names of a table."""
    columns = getattr(X, "columns", None)
    names = getattr(X, "column_names", columns)
    if names is None:
        raise InvalidValueError("X", type(X).__name__, "a DataFrame or an Arrow table, whose columns have names")
    return [str(name) for name in names]


@lru_cache(maxsize=2)
def _loaded(priors: str | None, region: str) -> Forecaster:
    """Shared by all clones, which cross-validation makes by the dozen."""
    return Forecaster.load(priors, region)
