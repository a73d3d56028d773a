"""The coordinator's side of one training on a Ray cluster: its task, the progress received, and its outcome."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.evaluate.job import Job, Outcome, written_outcome
from archwright.execute.main_module import pack_main
from archwright.execute.ray.cluster import TaskResources
from archwright.execute.ray.task import TOKEN, Inputs, TaskOrder, supervise
from archwright.execute.ray.transfer import put_in_place
from archwright.execute.training_process import GRACE_SECONDS

ANSWER_SECONDS = 60.0
"""How long after its worker should have ended an overdue training the worker itself is considered hung."""


class RayTraining:
    """One job as a Ray task. Call `look` whenever its `stream` is ready, and at intervals."""

    def __init__(self, ray: Any, job: Job, run: str, task_resources: TaskResources) -> None:
        self.job = job
        self.task_resources = task_resources
        self.records: list[Mapping[str, Any]] = []
        self.unseen = False
        self._ray = ray
        self._run = run
        self._token = Path(job.folder) / TOKEN
        self._where = ""
        self._began = 0.0

    def start(self, inputs: Inputs | None) -> None:
        """Submit the task to Ray, which starts it once resources are free. Called again, with inputs, if `unseen`.

        Raises OSError if the job's folder cannot be written.
        """
        self.unseen, self._where = False, ""
        seen = uuid.uuid4().hex
        self._token.parent.mkdir(parents=True, exist_ok=True)
        self._token.write_text(seen)
        job, task_resources = self.job, self.task_resources
        order = TaskOrder(
            json.dumps(job.to_json()), self._run, pack_main(job, self._run), os.getcwd(), seen, task_resources.gpus > 0
        )
        task = self._ray.remote(
            num_cpus=task_resources.cpus,
            num_gpus=task_resources.gpus,
            memory=task_resources.memory or None,
            num_returns="streaming",
            max_retries=0,
            name=job.key,
        )
        self.stream = task(supervise).remote(order, inputs)

    @property
    def waits(self) -> bool:
        """Whether the task has not started yet."""
        return not self._where

    def look(self) -> Outcome | None:
        """The outcome, if the training has ended or its worker hangs; else None, and `unseen` if the worker needs inputs."""
        outcome = None
        while outcome is None and not self.unseen and self._is_ready():
            outcome = self._next()
        outcome = outcome or self._hung()
        if outcome is None:
            return None
        self._token.unlink(missing_ok=True)
        return replace(outcome, worker=self._where or "ray")

    def end(self) -> None:
        """End the task by killing its worker; the training dies with it."""
        self._ray.cancel(self.stream, force=True)
        self._token.unlink(missing_ok=True)

    def _next(self) -> Outcome | None:
        """Receive the next item; returns the outcome, once it arrives or the worker is lost."""
        try:
            return self._received(self._ray.get(next(self.stream)))
        except StopIteration:
            return self._lost("its Ray worker exited without a result")
        except self._ray.exceptions.RayError as error:
            return self._lost(self._why(error))
        except OSError as error:
            self.end()
            return self._lost(f"the files that it sent back could not be written: {error}")

    def _is_ready(self) -> bool:
        return bool(self._ray.wait([self.stream], timeout=0, fetch_local=False)[0])

    def _received(self, item: Mapping[str, Any]) -> Outcome | None:
        """Process an item; returns the outcome if it is one."""
        if "started" in item:
            self._where, self._began = item["started"], time.monotonic()
        elif "unseen" in item:
            self.unseen = True
        elif "epoch" in item:
            self.records.append(item["epoch"])
        elif "files" in item:
            put_in_place(self.job, item["files"])
        else:
            return Outcome.from_json(item["outcome"])
        return None

    def _why(self, error: Exception) -> str:
        """The cause, for a task that ended without an outcome."""
        exceptions, host = self._ray.exceptions, self._where.partition("/")[0] if self._where else "an unknown node"
        if isinstance(error, exceptions.OutOfMemoryError):
            return f"out of memory: Ray ended its worker on {host}, where memory had run out"
        if isinstance(error, exceptions.NodeDiedError):
            return f"its node {host} has left the Ray cluster"
        if isinstance(error, exceptions.RayTaskError):
            return f"its Ray worker on {host} failed: {' '.join(str(error).strip().splitlines()[-1:])}"
        return f"its Ray worker on {host} was killed, or has crashed"

    def _hung(self) -> Outcome | None:
        """A failure, if the worker is silent although its training must be over."""
        limit = self.job.time_limit
        if limit is None or self.waits or time.monotonic() - self._began < limit + GRACE_SECONDS + ANSWER_SECONDS:
            return None
        self.end()
        return self._lost("its Ray worker does not respond: hung")

    def _lost(self, cause: str) -> Outcome:
        """A failure with this cause, unless the training had already written its result."""
        seconds = 0.0 if self.waits else time.monotonic() - self._began
        failed = Outcome("failed", cause=cause, curve=tuple(self.records), seconds=seconds, machine_fault=True)
        return written_outcome(self.job) or failed
