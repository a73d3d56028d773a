"""Predictions of a saved model for new data, as a table or as arrays: what `archwright predict` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from archwright.data.load import load_inputs
from archwright.data.problem import Problem
from archwright.data.raw_data import Array
from archwright.data.sources import Source
from archwright.errors import InputError
from archwright.evaluate.full import device_of
from archwright.evaluate.model_folder import load_model
from archwright.train.atomic_file import written_atomically
from archwright.train.metric import decide
from archwright.train.trained_model import predict

ENDINGS = (".csv", ".npz")


def write_predictions(model_folder: Path, source: Source, file: Path, *, layout: str | None = None, device: str = "auto") -> int:
    """Predict every row of `source` in its order and write `file`; returns how many there were.

    `.csv`: `index,prediction[,p_CLASS...]` (a column a label or target where there are several). `.npz`: `index`, `prediction`, and
    `probabilities` where the outputs are classes or labels. Raises InputError for another ending, a damaged model or unfit data.
    """
    if file.suffix not in ENDINGS:
        raise InputError(f"predictions cannot be written to {file}: name a file that ends in {' or '.join(ENDINGS)}")
    model = load_model(model_folder)
    x, index = load_inputs(source, model.problem, layout=layout)
    outputs = torch.from_numpy(predict(model, x, device=device_of(device)))
    decisions = decide(outputs, model.problem.task).numpy()
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(file) as unfinished:
        write = _write_csv if file.suffix == ".csv" else _write_arrays
        write(unfinished, index, decisions, _probabilities(outputs, model.problem), model.problem)
    return len(index)


def _probabilities(outputs: torch.Tensor, problem: Problem) -> Array | None:
    """(N, outputs) for classes and labels; None for a regression."""
    if problem.task == "classification":
        return outputs.softmax(dim=1).numpy()
    return outputs.sigmoid().numpy() if problem.task == "multi_label" else None


def _write_arrays(file: Path, index: Array, decisions: Array, probabilities: Array | None, problem: Problem) -> None:
    arrays = {"index": index, "prediction": decisions}
    if probabilities is not None:
        arrays["probabilities"] = probabilities
    with file.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _write_csv(file: Path, index: Array, decisions: Array, probabilities: Array | None, problem: Problem) -> None:
    import pandas as pd

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
    pd.DataFrame(columns).to_csv(file, index=False)
