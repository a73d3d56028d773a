"""What a Ray worker does for one training: it supervises a training process, and tells and brings back what comes of it."""

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
from archwright.execute.ray.node_data import forget, training_root
from archwright.execute.ray.transfer import Changes, unpack
from archwright.execute.training_process import TrainingProcess

TOKEN = ".seen_by_ray"
"""In the job's folder: whoever reads what the coordinator wrote there sees the run folder."""
LOOK_EVERY_SECONDS = 0.1
BRING_EVERY_SECONDS = 60.0
"""Between two times that a training far from the run folder sends its checkpoint there."""

Item = Mapping[str, Any]
"""Exactly one of "started", "unseen", "epoch", "files" and "outcome"."""


@dataclass(frozen=True)
class Errand:
    """All that a worker is told. `job`: as JSON text. `folder`: the caller's current one. `seen`: what stands in the token file."""

    job: str
    run: str
    main: bytes
    folder: str
    seen: str
    on_gpu: bool


@dataclass(frozen=True)
class Luggage:
    """For a worker that does not see the run folder: `files` of the job, and where the data are in Ray's object store."""

    files: Mapping[str, bytes]
    data_key: str
    data: Mapping[str, Any]


def supervise(errand: Errand, luggage: Luggage | None) -> Iterator[Item]:
    """The training from its start to its outcome, in the run folder where this worker sees it, else in a folder of its own.

    Without luggage, one that does not see it only says so.
    """
    yield {"started": f"{socket.gethostname()}/{os.getpid()}"}
    job = Job.from_json(json.loads(errand.job))
    if _sees(job, errand.seen):
        yield from _train(job, errand, None)
    elif luggage is None:
        yield {"unseen": True}
    else:
        with training_root(luggage.data_key, lambda folder: _lay_down(luggage.data, folder)) as root:
            there = unpack(job, luggage.files, root)
            yield from _train(there, errand, Changes(there))


def forget_data(keys: list[str]) -> None:
    """Delete the data that were laid down on this node."""
    for key in keys:
        forget(key)


def _sees(job: Job, token: str) -> bool:
    try:
        return (Path(job.folder) / TOKEN).read_text() == token
    except OSError:
        return False


def _lay_down(data: Mapping[str, Any], folder: Path) -> None:
    for name, content in data.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ray.get(content).tofile(path)


def _train(job: Job, errand: Errand, changes: Changes | None) -> Iterator[Item]:
    """A process for the training, in the caller's current folder where there is one of that name."""
    check_limits(job)
    if os.path.isdir(errand.folder):
        os.chdir(errand.folder)
    unpack_main(errand.main)
    process = TrainingProcess(job, errand.run, _placement(errand), "training")
    news = _News(process, changes)
    try:
        while (outcome := process.look()) is None:
            yield from news.take()
            connection.wait(process.handles, LOOK_EVERY_SECONDS)
    except BaseException:  # whoever ends this worker's task ends the training
        process.end()
        raise
    yield from news.take(at_the_end=True)
    yield {"outcome": outcome.to_json()}


def _placement(errand: Errand) -> Placement:
    """The GPUs that Ray has given to this task are all that the training sees."""
    return Placement("cuda", ",".join(map(str, ray.get_gpu_ids()))) if errand.on_gpu else Placement("cpu", "")


class _News:
    """What of a training the coordinator was not told yet."""

    def __init__(self, process: TrainingProcess, changes: Changes | None) -> None:
        self._process = process
        self._changes = changes
        self._told = 0
        self._brought = time.monotonic()

    def take(self, at_the_end: bool = False) -> Iterator[Item]:
        """The epochs since the last time, and files: now and then, in the end, and as soon as the test split was read."""
        new = self._process.records[self._told :]
        self._told += len(new)
        yield from ({"epoch": dict(record)} for record in new)
        if self._changes is None:
            return
        late = time.monotonic() - self._brought > BRING_EVERY_SECONDS
        if at_the_end or late or self._changes.test_was_read:
            self._brought = time.monotonic()
            yield {"files": self._changes.take()}
