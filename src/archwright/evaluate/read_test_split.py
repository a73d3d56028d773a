"""The single read of the test split for a finished network: it is logged, and the predictions are stored."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from archwright.atomic_file import written_atomically
from archwright.data.raw_data import Array
from archwright.data.splits import ProblemData, Split
from archwright.evaluate.job import Job
from archwright.train.metric import metric_of

PREDICTIONS, LOG = "test.npz", "test_accesses.jsonl"


@dataclass(frozen=True)
class TestResult:
    """The task's metric on the test split, and the seconds that the predictions took."""

    value: float
    seconds: float


def read_test(job: Job, data: ProblemData, decisions: Callable[[Split], Array]) -> TestResult:
    """Open the test split, predict it, and store `test.npz` (prediction, target, index, seconds) in the job's folder.

    `decisions`: the split -> (N,) classes, (N, L) labels 0 and 1, (N, T) targets in their own units, or log-likelihoods (N, T) of a
    text's tokens. Predictions stored before an interruption are used again, without opening the split.
    """
    file = Path(job.folder) / PREDICTIONS
    if not _readable(file):
        _predict(job, data, decisions, file)
    with np.load(file, allow_pickle=False) as kept:
        value = metric_of(torch.from_numpy(kept["prediction"]), torch.from_numpy(kept["target"]), data.problem.metric)
        return TestResult(value, float(kept["seconds"]))


def _predict(job: Job, data: ProblemData, decisions: Callable[[Split], Array], file: Path) -> None:
    split = data.test.open(_reason(job), Path(job.data).parent / LOG)
    start = time.perf_counter()
    prediction = decisions(split)
    seconds = time.perf_counter() - start
    with written_atomically(file) as unfinished, unfinished.open("wb") as stream:
        np.savez(stream, prediction=prediction, target=split.y, index=split.index, seconds=np.array(seconds))


def _reason(job: Job) -> str:
    """The log entry; it mentions if this job opened the split before and was killed before it stored its predictions."""
    mark = Path(job.folder) / "test_opened"
    again = ", again after a kill" if mark.exists() else ""
    mark.touch()
    return f"{job.stage} {job.key}, seed {job.seed}{again}"


def _readable(file: Path) -> bool:
    """Whether the file exists and is complete; a power failure can truncate it."""
    return file.is_file() and zipfile.is_zipfile(file)
