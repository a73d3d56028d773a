"""The classical baseline: a random forest (Breiman 2001, doi:10.1023/A:1010933404324) from scikit-learn on flattened inputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from archwright.cost.memory import peak_memory_mb
from archwright.data.preprocessing import Preprocessing
from archwright.data.raw_data import Array
from archwright.data.splits import ProblemData
from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.read_test_split import read_test
from archwright.train.failure import TimedOut
from archwright.train.metric import metric_of

TREES, TREES_AT_ONCE = 200, 20

Forest = Any  # scikit-learn has no types


def train_classical(
    job: Job, data: ProblemData, facts: dict[str, Any], on_epoch: Callable[[dict[str, float]], None] | None = None
) -> Outcome:
    """Fit a forest with the same kind of job and outcome as a network. `parameters` counts the nodes of its trees; it has no MACs.

    Grows as many of 200 trees as fit into the job's `time_goal`. An interrupted fit is not resumed but starts over.
    """
    clock = time.perf_counter
    start = clock()
    forest = _new_forest(job, data)
    x, y = _flat(data.train.x, data.preprocessing), _single_column(data.train.y)
    trees = _grow(forest, x, y, job, start)
    value = _value(forest, data)
    facts |= {"seconds": clock() - start, "epochs": 1.0, "seconds_per_epoch": (clock() - start) * TREES / trees}
    if job.stage == "probe":
        return Outcome("complete", **facts)
    record = {"epoch": 1.0, f"val_{data.problem.metric}": value, "seconds": facts["seconds"]}
    facts |= {"metrics": {data.problem.metric: value}, "curve": (record,), "parameters": _nodes(forest)}
    if on_epoch is not None:
        on_epoch(record)
    if job.stage in ("final", "baseline"):
        result = read_test(job, data, lambda split: _decisions(forest, split.x, data))
        facts |= {"test": result.value, "predict_seconds": result.seconds, "latency_ms": _latency_ms(forest, data)}
    facts["peak_memory_mb"] = peak_memory_mb()
    return Outcome("complete", **facts)


def _new_forest(job: Job, data: ProblemData) -> Forest:
    kind = RandomForestRegressor if data.problem.task == "regression" else RandomForestClassifier
    return kind(n_estimators=0, warm_start=True, n_jobs=job.threads, random_state=job.seed % 2**32)


def _grow(forest: Forest, x: Array, y: Array, job: Job, start: float) -> int:
    """Grow trees in small batches, until all are grown or time is up; returns how many. Raises TimedOut after `time_limit`."""
    for trees in range(TREES_AT_ONCE, TREES + 1, TREES_AT_ONCE):
        forest.set_params(n_estimators=trees).fit(x, y)
        seconds = time.perf_counter() - start
        if job.time_limit is not None and seconds > job.time_limit:
            raise TimedOut(f"timed out after {job.time_limit:g} s")
        seconds_after_next = seconds * (trees + TREES_AT_ONCE) / trees
        if job.stage == "probe" or (job.time_goal is not None and seconds_after_next > job.time_goal):
            break
    return trees


def _value(forest: Forest, data: ProblemData) -> float:
    """The task's metric on the validation split."""
    decisions = _decisions(forest, data.val.x, data)
    return metric_of(torch.from_numpy(decisions), torch.from_numpy(data.val.y), data.problem.metric)


def _decisions(forest: Forest, raw: Array, data: ProblemData) -> Array:
    """(N,) classes, or (N, outputs) labels or targets in their own units."""
    predicted: Array = forest.predict(_flat(raw, data.preprocessing))
    if data.problem.task == "classification":
        return predicted.astype(np.int64)
    columns = predicted.reshape(len(raw), data.problem.outputs)
    return columns.astype(np.int64 if data.problem.task == "multi_label" else np.float32)


def _flat(raw: Array, preprocessing: Preprocessing) -> Array:
    """Normalised inputs, one row per sample: (N, *input_shape) -> (N, F) float32."""
    shape = (-1, *(1,) * (raw.ndim - 2))
    mean, std = (np.array(part, np.float32).reshape(shape) for part in (preprocessing.input_mean, preprocessing.input_std))
    flat: Array = ((raw - mean) / std).reshape(len(raw), -1)
    return flat


def _single_column(y: Array) -> Array:
    """The shape that scikit-learn expects if there is one output: (N, 1) -> (N,)."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _nodes(forest: Forest) -> int:
    return int(sum(tree.tree_.node_count for tree in forest.estimators_))


def _latency_ms(forest: Forest, data: ProblemData, repeats: int = 5) -> float:
    """Median milliseconds for one sample."""
    sample, times = data.val.x[:1], []
    for _ in range(repeats):
        start = time.perf_counter()
        _decisions(forest, sample, data)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))
