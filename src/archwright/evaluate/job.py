"""A training to run and its outcome, both small JSON, so that any worker on any machine can run it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

TRAIN = "archwright.evaluate.train_job:train_job"
"""The function that does a job in a worker, by default."""
RESULT, LOG, CHECKPOINT, SCHEDULE = "result.json", "log.txt", "checkpoint.pt", "plan.json"
"""Files in a job's folder."""
Stage = Literal["search", "final", "baseline", "probe", "supernet", "shared_scores"]


@dataclass(frozen=True)
class Job:
    """One training. Everything a worker needs is here or in the data folder; nothing is pickled.

    `architecture`: its JSON, or `baseline`: a name (`baseline_parameters`: the size of a recurrent baseline). `folder`: where
    checkpoint, result and weights are written. `data`: the folder that `save_problem` wrote. Stages `final` and `baseline` read the
    test split once at the end and keep the weights; `probe` only measures. Times in seconds, memory in MB.

    `supernet`: for the stage of that name, {"space", "space_settings", "method", "method_settings"}; for `shared_scores` also
    "trained" (the folder of the supernet's training) and "architectures" (JSON of those to be scored with its weights).

    `epochs` may be fractional. `share`: the share of them after which the training ends and is scored; its learning rate schedule
    is that of all of them. `continues`: the folder of a shorter training of the same network and seed that this one continues.
    `time_goal`: train as many epochs (between `least_epochs` and `epochs`) as are estimated to fit into these seconds.
    `epoch_seconds_limit`: refuse a network whose epoch would take longer. `time_limit`, `memory_limit`: abort beyond these.
    `devices`: how many processes train the network together, each with `threads` threads, and with a GPU if there are any.
    """

    key: str
    stage: Stage
    data: str
    folder: str
    seed: int
    epochs: float
    share: float = 1.0
    continues: str | None = None
    architecture: Mapping[str, Any] | None = None
    baseline: str | None = None
    baseline_parameters: int | None = None
    supernet: Mapping[str, Any] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    devices: int = 1
    threads: int = 1
    time_limit: float | None = None
    memory_limit: float | None = None
    epoch_seconds_limit: float | None = None
    time_goal: float | None = None
    least_epochs: float = 1.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> Job:
        return cls(**text)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job. `metrics`: validation metrics of the best epoch (`accuracy`, `loss`). `curve`: one record per epoch.

    If it continued a shorter training, `epochs` and `curve` cover both trainings, `seconds` only this one.

    `state` "refused": over a limit before it was trained. `machine_fault`: worth another attempt under the same number.
    `devices`: how many processes trained the network together, each for `seconds`.
    `found`: the candidates derived from a supernet, best first, or the architectures that were to be scored:
    {"architecture": its JSON, "score": validation metric with the shared weights, "epoch": when}.
    """

    state: Literal["complete", "failed", "refused"]
    cause: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    test: float | None = None
    curve: tuple[Mapping[str, float], ...] = ()
    parameters: int | None = None
    macs: int | None = None
    peak_memory_mb: float | None = None
    seconds: float = 0.0
    epochs: float = 0.0
    predict_seconds: float | None = None
    latency_ms: float | None = None
    precision: str = ""
    seconds_per_epoch: float | None = None
    machine_fault: bool = False
    worker: str = ""
    devices: int = 1
    found: tuple[Mapping[str, Any], ...] = ()

    @property
    def worker_seconds(self) -> float:
        """The cost: the seconds of all its processes."""
        return self.seconds * self.devices

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> Outcome:
        return cls(**{**text, "curve": tuple(text.get("curve", ())), "found": tuple(text.get("found", ()))})


def result_of(job: Job) -> Path:
    """Where the outcome of a finished job is written."""
    return Path(job.folder) / RESULT


def log_of(job: Job) -> Path:
    """Where the training's output and the traceback of a failure go: in the job's folder, which is created if need be."""
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    return Path(job.folder) / LOG


def written_outcome(job: Job) -> Outcome | None:
    """The outcome that a finished job wrote into its folder; None if there is none."""
    file = result_of(job)
    return Outcome.from_json(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def training_seed(*parts: object) -> int:
    """A 31-bit seed from the study's seed and whatever identifies the training, but not from the worker that runs it."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
