"""Saves a trained model in a folder: weights, architecture, preprocessing, and an ONNX graph."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from archwright.architecture.architecture import Architecture
from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import LEVELS, TASKS, Problem
from archwright.errors import InputError
from archwright.evaluate.full_training import WEIGHTS, write_weights
from archwright.export.onnx_model import ExportError, export_onnx
from archwright.export.onnx_step import export_step
from archwright.formatting import plural
from archwright.search_space import make_space
from archwright.train.trained_model import TrainedModel

Read = TypeVar("Read")

ARCHITECTURE, PREPROCESSING, ONNX = "architecture.json", "preprocessing.json", "model.onnx"


def save_model(
    folder: Path | str, network: nn.Module, architecture: Architecture, problem: Problem, preprocessing: Preprocessing
) -> list[str]:
    """Write the model into `folder`, replacing it as a whole; returns what could not be done, in words.

    network: the plain module of `architecture`, with its weights. The ONNX file is left out if the network cannot be exported.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        os.chmod(unfinished, 0o755)
        notes = _write(unfinished, network, architecture, problem, preprocessing)
        _replace_folder(folder, unfinished)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return notes


def load_model(folder: Path | str) -> TrainedModel:
    """The model that `save_model` wrote, on the CPU and in evaluation mode: raw inputs in, logits or targets out.

    Raises InputError if a file is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    described, prepared = _read_json(folder / ARCHITECTURE), _read_json(folder / PREPROCESSING)
    architecture = _read(lambda: Architecture.from_json(described), folder / ARCHITECTURE)
    problem = _read(lambda: _problem(described, prepared), folder / ARCHITECTURE)
    preprocessing = _read(lambda: _preprocessing(prepared, problem), folder / PREPROCESSING)
    network = make_space(architecture.space, architecture.settings).network(architecture, problem)
    _load_weights(network, folder / WEIGHTS)
    return TrainedModel(network, problem, preprocessing).eval()


def _write(
    folder: Path, network: nn.Module, architecture: Architecture, problem: Problem, preprocessing: Preprocessing
) -> list[str]:
    output: dict[str, Any] = {"task": problem.task, "outputs": problem.outputs, "names": list(problem.names)}
    if problem.level is not None:
        output["level"] = problem.level
    description = {**architecture.to_json(), "input_shape": list(problem.input_shape), "output": output}
    write_weights(network.state_dict(), folder / WEIGHTS)
    _write_json(description, folder / ARCHITECTURE)
    _write_json({**preprocessing.to_json(), "input_names": list(problem.inputs)}, folder / PREPROCESSING)
    try:
        export = export_onnx if problem.level is None else export_step
        export(TrainedModel(network, problem, preprocessing).cpu().eval(), folder / ONNX)
    except ExportError as error:
        (folder / ONNX).unlink(missing_ok=True)
        return [f"{ONNX} was left out: {error}"]
    return []


def _replace_folder(folder: Path, finished: Path) -> None:
    """Rename `finished` to `folder`; a folder cannot be replaced in one step, so the old one is moved aside first."""
    old = finished.with_name(finished.name + "-old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(finished, folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_json(content: Mapping[str, Any], file: Path) -> None:
    file.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file} is missing: {file.parent} is not a model folder, or an incomplete one") from None
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from None
    if not isinstance(content, dict):
        raise _damaged(file, "it is not a JSON object")
    return content


def _read(read: Callable[[], Read], file: Path) -> Read:
    """The result of `read` on the content of the file. Raises InputError if something is missing or of the wrong type."""
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(file, f"{type(error).__name__}: {error}") from None


def _problem(described: Mapping[str, Any], prepared: Mapping[str, Any]) -> Problem:
    output, names = described["output"], tuple(prepared.get("input_names", ()))
    if output["task"] not in TASKS:
        raise ValueError(f"unknown task {output['task']!r}")
    shape = tuple(int(side) for side in described["input_shape"])
    level = output.get("level")
    if (output["task"] == "language_modelling") != (level in LEVELS):
        raise ValueError(f"task {output['task']} does not allow level {level!r}")
    return Problem("model", output["task"], shape, int(output["outputs"]), tuple(output["names"]), inputs=names, level=level)


def _preprocessing(prepared: Mapping[str, Any], problem: Problem) -> Preprocessing:
    preprocessing = Preprocessing.from_json(prepared)
    expected = problem.input_shape[0] if problem.level is None else 0
    if not len(preprocessing.input_mean) == len(preprocessing.input_std) == expected:
        raise ValueError(
            f"expected means and standard deviations of {plural(expected, 'channel or feature', 'channels or features')}"
        )
    if (preprocessing.target_mean is None) != (problem.task != "regression"):
        raise ValueError(f"it does not fit the task {problem.task}")
    return preprocessing


def _load_weights(network: nn.Module, file: Path) -> None:
    try:
        network.load_state_dict(load_file(file))
    except FileNotFoundError:
        raise InputError(f"{file} is missing: {file.parent} is not a model folder, or an incomplete one") from None
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{file} does not hold the weights of this architecture ({reason}): use weights and architecture from the same run"
        ) from None


def _damaged(file: Path, reason: object) -> InputError:
    return InputError(f"{file} is damaged ({reason}): restore it from a copy, or run the search again")
