"""Predictions of a saved model for new data, as a table or as arrays: the work of `archwright predict`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from archwright.atomic_file import written_atomically
from archwright.data.load import load_inputs
from archwright.data.problem import Problem
from archwright.data.raw_data import Array
from archwright.data.sources import Source, read_text
from archwright.data.text_problem import encode_text
from archwright.errors import InputError
from archwright.evaluate.full_training import device_of
from archwright.export.model_folder import load_model
from archwright.export.text_likelihood import text_log_likelihoods
from archwright.train.metric import decide, metric_of
from archwright.train.trained_model import TrainedModel, predict

ENDINGS = (".csv", ".npz")


@dataclass(frozen=True)
class Written:
    """The number of predictions written and, for a text, its metric; `metric` is empty for other data."""

    count: int
    metric: str = ""
    value: float | None = None


def write_predictions(
    model_folder: Path, source: Source, file: Path, *, layout: str | None = None, device: str = "auto"
) -> Written:
    """Predict every row of `source` in order, or each token of a text from the preceding ones, and write the results to `file`.

    `.csv`: `index,prediction[,p_CLASS...]` (one column per label or target if there are several), for a text
    `index,token,log_probability`. `.npz`: `index`, `prediction`, and `probabilities` for classes and labels, for a text `index`,
    `token` (its number), `log_probability`. Logarithms are natural. Raises InputError for another file ending, a damaged model or
    unsuitable data.
    """
    if file.suffix not in ENDINGS:
        raise InputError(f"predictions cannot be written to {file}: give a file name that ends in {' or '.join(ENDINGS)}")
    model = load_model(model_folder)
    if model.problem.level is not None:
        return _write_tokens(model, source, file, device_of(device))
    x, index = load_inputs(source, model.problem, layout=layout)
    outputs = torch.from_numpy(predict(model, x, device=device_of(device)))
    decisions = decide(outputs, model.problem.task).numpy()
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(file) as unfinished:
        write = _write_csv if file.suffix == ".csv" else _write_arrays
        write(unfinished, index, decisions, _probabilities(outputs, model.problem), model.problem)
    return Written(len(index))


def _write_tokens(model: TrainedModel, source: Source, file: Path, device: torch.device) -> Written:
    """One row for each token but the first, which has no preceding token."""
    problem = model.problem
    tokens = encode_text(read_text(source), problem)
    likelihoods = text_log_likelihoods(model, tokens, device)
    columns = {"index": np.arange(1, len(tokens)), "token": tokens[1:], "log_probability": likelihoods}
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(file) as unfinished:
        if file.suffix == ".csv":
            _write_columns(unfinished, {**columns, "token": np.array(problem.names, dtype=object)[tokens[1:]]})
        else:
            _write_npz(unfinished, columns)
    value = metric_of(torch.from_numpy(likelihoods), torch.from_numpy(tokens[1:]), problem.metric)
    return Written(len(likelihoods), problem.metric, value)


def _probabilities(outputs: torch.Tensor, problem: Problem) -> Array | None:
    """(N, outputs) for classes and labels; None for a regression."""
    if problem.task == "classification":
        return outputs.softmax(dim=1).numpy()
    return outputs.sigmoid().numpy() if problem.task == "multi_label" else None


def _write_arrays(file: Path, index: Array, decisions: Array, probabilities: Array | None, problem: Problem) -> None:
    arrays = {"index": index, "prediction": decisions}
    if probabilities is not None:
        arrays["probabilities"] = probabilities
    _write_npz(file, arrays)


def _write_npz(file: Path, arrays: Mapping[str, Array]) -> None:
    with file.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _write_csv(file: Path, index: Array, decisions: Array, probabilities: Array | None, problem: Problem) -> None:
    names = problem.names or tuple(map(str, range(problem.outputs)))
    columns: dict[str, object] = {"index": index}
    if problem.task == "classification":
        columns["prediction"] = np.array(names, dtype=object)[decisions]
    elif problem.outputs == 1:
        columns["prediction"] = decisions[:, 0]
    else:
        columns.update({f"prediction_{name}": decisions[:, i] for i, name in enumerate(names)})
    if probabilities is not None:
        columns.update({f"p_{name}": probabilities[:, i] for i, name in enumerate(names)})
    _write_columns(file, columns)


def _write_columns(file: Path, columns: Mapping[str, object]) -> None:
    import pandas as pd

    pd.DataFrame(columns).to_csv(file, index=False)
