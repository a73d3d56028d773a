"""A Ray worker's side of one training: it supervises the training process and sends back its progress, files and outcome."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

import ray

from archwright.evaluate.job import Job
from archwright.execute.capacity import check_limits
from archwright.execute.device_placement import Placement
from archwright.execute.main_module import unpack_main
from archwright.execute.ray.node_data import delete_data, training_folder
from archwright.execute.ray.transfer import Changes, unpack
from archwright.execute.training_process import TrainingProcess

TOKEN = ".seen_by_ray"
"""A file in the job's folder: a worker that reads there what the coordinator wrote can see the run folder."""
LOOK_EVERY_SECONDS = 0.1
FILES_EVERY_SECONDS = 60.0
"""Interval at which files are sent back from a worker that cannot see the run folder."""

Item = Mapping[str, Any]
"""Exactly one of "started", "unseen", "epoch", "files" and "outcome"."""


@dataclass(frozen=True)
class TaskOrder:
    """All that a worker needs to know. `job`: JSON. `folder`: the caller's working directory. `seen`: the token file's content."""

    job: str
    run: str
    main: bytes
    folder: str
    seen: str
    on_gpu: bool


@dataclass(frozen=True)
class Inputs:
    """For a worker that cannot see the run folder: the job's `files`, and references to the data in Ray's object store."""

    files: Mapping[str, bytes]
    data_key: str
    data: Mapping[str, Any]


def supervise(order: TaskOrder, inputs: Inputs | None) -> Iterator[Item]:
    """Run a training from start to outcome: in the run folder if this worker can see it, else in a temporary folder.

    A worker that cannot see the run folder and has no inputs only reports that.
    """
    yield {"started": f"{socket.gethostname()}/{os.getpid()}"}
    job = Job.from_json(json.loads(order.job))
    if _can_see(job, order.seen):
        yield from _train(job, order, None)
    elif inputs is None:
        yield {"unseen": True}
    else:
        with training_folder(inputs.data_key, lambda folder: _write_data(inputs.data, folder)) as root:
            local_job = unpack(job, inputs.files, root)
            yield from _train(local_job, order, Changes(local_job))


def delete_node_data(keys: list[str]) -> None:
    """Delete the data with these keys on this node."""
    for key in keys:
        delete_data(key)


def _can_see(job: Job, token: str) -> bool:
    try:
        return (Path(job.folder) / TOKEN).read_text() == token
    except OSError:
        return False


def _write_data(data: Mapping[str, Any], folder: Path) -> None:
    for name, content in data.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ray.get(content).tofile(path)


def _train(job: Job, order: TaskOrder, changes: Changes | None) -> Iterator[Item]:
    """Run the training process, in the caller's working directory if it exists on this node."""
    check_limits(job)
    if os.path.isdir(order.folder):
        os.chdir(order.folder)
    unpack_main(order.main)
    process = TrainingProcess(job, order.run, _placement(order), "training")
    progress = _Progress(process, changes)
    try:
        while (outcome := process.look()) is None:
            yield from progress.take()
            connection.wait(process.handles, LOOK_EVERY_SECONDS)
    except BaseException:  # if this task ends, so must the training
        process.end()
        raise
    yield from progress.take(final=True)
    yield {"outcome": outcome.to_json()}


def _placement(order: TaskOrder) -> Placement:
    """The training sees only the GPUs that Ray has assigned to this task."""
    return Placement("cuda", ",".join(map(str, ray.get_gpu_ids()))) if order.on_gpu else Placement("cpu", "")


class _Progress:
    """The progress of a training that the coordinator has not received yet."""

    def __init__(self, process: TrainingProcess, changes: Changes | None) -> None:
        self._process = process
        self._changes = changes
        self._records_sent = 0
        self._files_sent = time.monotonic()

    def take(self, final: bool = False) -> Iterator[Item]:
        """New epoch records; and changed files, at intervals, at the end, and as soon as the test split was read."""
        new = self._process.records[self._records_sent :]
        self._records_sent += len(new)
        yield from ({"epoch": dict(record)} for record in new)
        if self._changes is None:
            return
        due = time.monotonic() - self._files_sent > FILES_EVERY_SECONDS
        if final or due or self._changes.test_was_read:
            self._files_sent = time.monotonic()
            yield {"files": self._changes.take()}
