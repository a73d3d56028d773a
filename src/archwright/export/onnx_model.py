"""Exports a trained model as one ONNX file that takes raw inputs, and checks it against the model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from archwright.data.problem import Task
from archwright.data.raw_data import Array
from archwright.train.trained_model import Normalise, TrainedModel, predict

TOLERANCE = 1e-4
"""The largest allowed difference from the model, relative to the largest output (at least 1)."""
CHECKED_SAMPLES = 3


class ExportError(RuntimeError):
    """The model cannot be written as ONNX, or the file does not compute what the model computes."""


def export_onnx(model: TrainedModel, file: Path) -> None:
    """Write `file`: "input" (batch, *input_shape) float32, not normalised -> "output", as from the model, and for classes
    and labels "probabilities". The batch size is free; the weights are in the file.

    Raises ExportError if PyTorch cannot export the network, or if the outputs differ by more than 1e-4.
    """
    labelled = _WithProbabilities(model, model.problem.task).eval()
    names = ["output"] if model.problem.task == "regression" else ["output", "probabilities"]
    example = torch.zeros(2, *model.problem.input_shape)
    write_onnx(labelled, (example,), file, ["input"], names, {"x": {0: torch.export.Dim("batch")}})
    _check(model, file)


def write_onnx(
    module: nn.Module, example: tuple[Any, ...], file: Path, inputs: list[str], outputs: list[str], dynamic_shapes: dict[str, Any]
) -> None:
    """Write a module as an ONNX file with these names. Raises ExportError if PyTorch cannot export it."""
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                example,
                dynamo=True,
                input_names=inputs,
                output_names=outputs,
                dynamic_shapes=dynamic_shapes,
                verbose=False,
            )
            if program is None:
                raise ExportError("the network could not be exported")
            program.save(file, external_data=False)
    except Exception as error:  # an exporter may raise anything about a user's network
        reason = error.__cause__ or error  # the exporter's own message only says how to report the problem
        first_line = str(reason).strip().split("\n")[0]
        raise ExportError(f"the network could not be exported to ONNX: {type(reason).__name__}: {first_line}") from error


def open_onnx(file: Path) -> Any:
    """A quiet onnxruntime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def check_equal(actual: Array, expected: Array) -> None:
    """Raises ExportError if the outputs of the file differ from the model's by more than 1e-4, relative to the largest."""
    difference = float(np.abs(actual - expected).max() / max(1.0, float(np.abs(expected).max())))
    if not difference <= TOLERANCE:
        raise ExportError(f"the ONNX file differs from the model by {difference:.1e}, more than {TOLERANCE:.0e}")


def _check(model: TrainedModel, file: Path) -> None:
    """Compare the file with the model, for one sample and for several, on numbers like those of the training data."""
    session, x = open_onnx(file), _samples(model)
    for inputs in (x[:1], x):
        check_equal(session.run(["output"], {"input": inputs})[0], predict(model, inputs))


def _samples(model: TrainedModel) -> Array:
    noise = np.random.default_rng(0).standard_normal((CHECKED_SAMPLES, *model.problem.input_shape))
    assert isinstance(model.normalise, Normalise)
    mean, std = model.normalise.mean.cpu().numpy(), model.normalise.std.cpu().numpy()
    samples: Array = (noise * std + mean).astype(np.float32)
    return samples


class _WithProbabilities(nn.Module):
    """The model's output, with probabilities for classes and labels."""

    def __init__(self, model: TrainedModel, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        output: Tensor = self.model(x)
        if self.task == "regression":
            return output
        return output, output.softmax(dim=1) if self.task == "classification" else output.sigmoid()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter's log and its deprecation warnings, which are not for our users."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.filterwarnings("ignore", category=category, module=r"(torch|onnxscript|onnx_ir|onnx|copyreg)(\.|$)")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
