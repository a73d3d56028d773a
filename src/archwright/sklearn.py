"""Scikit-learn estimators that search for a network, for use in pipelines, cross-validation and metrics.

`fit` searches, retrains the best architecture from scratch and keeps it as `model_`. Baselines and random search at the same cost
are off by default: an estimator delivers a network; `archwright.search` answers whether the search was worth it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from archwright.data.arrays import Arrays
from archwright.data.load import load_inputs
from archwright.data.problem import Task
from archwright.data.raw_data import Array
from archwright.export.model_folder import load_model
from archwright.main_job import search
from archwright.search_space import SearchSpace
from archwright.train.trained_model import predict


class _Search(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share: the parameters (scikit-learn reads them from `__init__`) and the search.

    The parameters are those of `archwright.search`, objects included; `random_state` is its `seed`. `layout`: how to interpret X if
    it has more than two axes, or two that form a series; (N, F) is "flat" by default. `out`: the run folder, in which the same fit
    is resumed and never repeated (other data need another folder); None uses a temporary one.
    """

    def __init__(
        self,
        *,
        space: str | SearchSpace = "chain",
        strategy: Any = "regularized_evolution",
        baselines: Sequence[str] = (),
        trials: int | None = None,
        minutes: float | None = None,
        epochs: int | None = None,
        top_k: int = 1,
        seeds: int = 1,
        random: bool = False,
        workers: int | None = None,
        executor: str = "processes",
        device: str = "auto",
        layout: str | None = None,
        settings: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        random_state: int = 0,
    ) -> None:
        self.space = space
        self.strategy = strategy
        self.baselines = baselines
        self.trials = trials
        self.minutes = minutes
        self.epochs = epochs
        self.top_k = top_k
        self.seeds = seeds
        self.random = random
        self.workers = workers
        self.executor = executor
        self.device = device
        self.layout = layout
        self.settings = settings
        self.out = out
        self.random_state = random_state

    def _search(self, x: Array, y: Array, task: Task) -> Self:
        """Set `model_`, the trained model (takes raw inputs), and `results_`, the contents of results.json."""
        layout = self.layout or ("flat" if x.ndim == 2 else None)
        options = {key: value for key, value in self.get_params(deep=False).items() if key not in ("layout", "out", "random_state")}
        with tempfile.TemporaryDirectory(prefix="archwright-") as temporary:
            result = search(
                Arrays(x=x, y=y, layout=layout),
                out=self.out if self.out is not None else Path(temporary) / "run",
                seed=self.random_state,
                task=task,
                **options,
            )
            self.model_ = load_model(result.best.folder)
            self.results_ = result.results
        return self

    def _outputs(self, X: Any) -> torch.Tensor:
        """(N, outputs): logits, or targets in their own units."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, allow_nd=True)
        inputs, _ = load_inputs(Arrays(x=x, name="X"), self.model_.problem)
        return torch.from_numpy(predict(self.model_, inputs))


class ArchwrightClassifier(ClassifierMixin, _Search):  # type: ignore[misc]
    """Classifier that searches for its network. X: (N, F), (N, C, L), (N, H, W) or (N, C, H, W). y: (N,) labels of any type.

    After `fit`: `classes_`, `model_` (a plain module: raw inputs in, logits out), `results_` (the contents of results.json).
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Search for a network and train it. Raises InputError, a ValueError, if the data or parameters cannot be used."""
        x, y = validate_data(self, X, y, allow_nd=True, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, codes = np.unique(column_or_1d(y), return_inverse=True)
        return self._search(x, codes, "classification")

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities (N, classes), in the order of `classes_`."""
        probabilities: Array = self._outputs(X).double().softmax(dim=1).numpy()
        return probabilities

    def predict(self, X: Any) -> Array:
        """Predicted labels (N,)."""
        outputs = self._outputs(X)
        return np.asarray(self.classes_[outputs.argmax(dim=1).numpy()])


class ArchwrightRegressor(RegressorMixin, _Search):  # type: ignore[misc]
    """Regressor that searches for its network. X: (N, F), (N, C, L), (N, H, W) or (N, C, H, W). y: (N,) or (N, targets).

    After `fit`: `model_` (a plain module: raw inputs in, targets in their units out), `results_` (the contents of results.json).
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Search for a network and train it. Raises InputError, a ValueError, if the data or parameters cannot be used."""
        x, y = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=True, ensure_min_samples=2)
        self._single_target = y.ndim == 1
        return self._search(x, y, "regression")

    def predict(self, X: Any) -> Array:
        """Predicted targets, (N,) or (N, targets) like y."""
        outputs: Array = self._outputs(X).double().numpy()
        return outputs[:, 0] if self._single_target else outputs
