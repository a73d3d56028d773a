"""From a source (a name, a path, arrays) to a problem: read, lay out, check, infer the task, split, learn the normalisation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from archwright.data.layout import channels_last, lay_out
from archwright.data.preprocessing import learn_preprocessing
from archwright.data.problem import Problem
from archwright.data.raw_data import Array, RawData
from archwright.data.raw_text import RawText
from archwright.data.sources import Source, read_inputs, read_source
from archwright.data.split_rows import Division, absent_classes, divide
from archwright.data.splits import LockedTest, ProblemData, Split
from archwright.data.targets import Targets, read_targets
from archwright.data.text_problem import text_problem
from archwright.data.value_checks import as_inputs, lossy_columns
from archwright.errors import DataError
from archwright.settings import listed

TEXT_TASK = "language_modelling"


def load_problem(
    source: Source,
    *,
    task: str | None = None,
    target: str | Sequence[str] = (),
    layout: str | None = None,
    level: str | None = None,
    window: int | None = None,
    seed: int = 0,
) -> ProblemData:
    """The problem in `source`: the name of a data set, a path, or `Arrays`.

    `task`, `layout`: override what is inferred. `target`: the target columns of a table. `level`: the tokens of a text;
    `window`: the number of tokens that a network is trained on at a time. `seed`: for the split (a text is split into blocks).
    Raises DataError (one sentence that says how to fix it) if the data cannot be used.
    """
    raw = read_source(source, listed(target) or ())
    if isinstance(raw, RawText):
        _refuse(
            {"task": task if task != TEXT_TASK else None, "layout": layout}, f"{raw.where} is a text, with the task {TEXT_TASK}"
        )
        return text_problem(raw, level, window)
    _refuse({"task": task if task == TEXT_TASK else None, "level": level, "window": window}, f"{raw.where} is not a text (.txt)")
    shaped, notes = lay_out(raw.x, layout or raw.layout, raw.where)
    inputs = raw.inputs if shaped.ndim == 2 else ()
    x = as_inputs(shaped, inputs, raw.where)
    notes = (*raw.notes, *notes, *_lossy_notes(shaped, inputs))
    if raw.y is None:
        raise DataError(f"{raw.where} has no targets: add them, since a network cannot be trained without")
    targets = read_targets(raw.y, task, raw.outputs, raw.class_names, raw.where)
    division = divide(targets, raw.sizes, seed, raw.where)
    return _problem_data(raw, x, targets, division, (*notes, *targets.notes, *absent_classes(targets, division)))


def _refuse(options: Mapping[str, Any], reason: str) -> None:
    """Raises DataError if an option was given that does not apply to these data."""
    for name, value in options.items():
        if value is not None:
            raise DataError(f"{reason}: leave out --{name} {value}")


def load_inputs(source: Source, problem: Problem, *, layout: str | None = None) -> tuple[Array, Array]:
    """Inputs to predict for, as (N, *problem.input_shape), and their row numbers (N,) in source order; no targets needed.

    `layout`: for sources whose shape is ambiguous; otherwise the problem's shape decides.
    Raises DataError if the shapes do not fit.
    """
    x, where = read_inputs(source, problem)
    if layout is not None:
        x = lay_out(x, layout, where)[0]
    x = as_inputs(_as_shape(x, problem.input_shape, where), problem.inputs, where)
    return x, np.arange(len(x), dtype=np.int64)


def data_hash(x: Array, targets: Targets, sizes: tuple[int, int, int] | None) -> str:
    """Identifies the contents: inputs, targets, task and given splits, but not their location or how they are split."""
    digest = hashlib.sha256()
    for array in (x, targets.y):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    digest.update(repr((targets.task, targets.names, sizes)).encode())
    return digest.hexdigest()[:16]


def _problem_data(raw: RawData, x: Array, targets: Targets, division: Division, notes: tuple[str, ...]) -> ProblemData:
    train, val, test = (Split(x[rows], targets.y[rows], rows) for rows in (division.train, division.val, division.test))
    problem = Problem(
        name=raw.name,
        task=targets.task,
        input_shape=x.shape[1:],
        outputs=len(targets.names),
        names=targets.names,
        n_train=len(train),
        n_val=len(val),
        n_test=len(test),
        data_hash=data_hash(x, targets, raw.sizes),
        augmentation=raw.augmentation if x.ndim == 4 else (),
        inputs=raw.inputs if x.ndim == 2 else (),
    )
    preprocessing = learn_preprocessing(train.x, train.y, targets.task)
    return ProblemData(problem, train, val, LockedTest(lambda: test, len(test)), preprocessing, notes)


def _lossy_notes(x: Array, columns: Sequence[str]) -> tuple[str, ...]:
    lossy = lossy_columns(x, columns)
    if not lossy:
        return ()
    return (f"{', '.join(lossy)}: large values that vary little lose precision in float32: subtract an offset beforehand",)


def _as_shape(x: Array, shape: tuple[int, ...], where: str) -> Array:
    """The rows in the network's input shape: a single channel may be left out, image channels may come last."""
    if x.shape[1:] == shape:
        return x
    if x.shape[1:] == shape[1:] and shape[0] == 1:
        return x[:, None]
    if len(shape) == 1 and x[0].size == shape[0]:
        return x.reshape(len(x), -1)
    if x.ndim == 4 and channels_last(*x.shape[1:]) and (x.shape[3], *x.shape[1:3]) == shape:
        return x.transpose(0, 3, 1, 2)
    raise DataError(
        f"{where}: rows of shape {x.shape[1:]} do not fit a network trained on rows of shape {shape}: give rows of that shape"
    )
