"""The coordinator's side of one training on a Ray cluster: its task, what has come from it, and how it ended."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.evaluate.job import Job, Outcome
from archwright.execute.attempt import written_outcome
from archwright.execute.main_module import pack_main
from archwright.execute.ray.cluster import Need
from archwright.execute.ray.task import TOKEN, Errand, Luggage, supervise
from archwright.execute.ray.transfer import put_in_place
from archwright.execute.training_process import GRACE_SECONDS

ANSWER_SECONDS = 60.0
"""So much later than a training would be ended by its worker, the worker itself hangs."""


class RayTraining:
    """One job as a task. Ask `look` for its outcome whenever its `stream` is ready, and now and then."""

    def __init__(self, ray: Any, job: Job, run: str, need: Need) -> None:
        self.job = job
        self.need = need
        self.records: list[Mapping[str, Any]] = []
        self.unseen = False
        self._ray = ray
        self._run = run
        self._token = Path(job.folder) / TOKEN
        self._where = ""
        self._began = 0.0

    def start(self, luggage: Luggage | None) -> None:
        """Hand the task to Ray, which begins it where there is room. A second start is for a worker that saw no run folder.

        Raises OSError where the job's folder cannot be written.
        """
        self.unseen, self._where = False, ""
        seen = uuid.uuid4().hex
        self._token.parent.mkdir(parents=True, exist_ok=True)
        self._token.write_text(seen)
        job, need = self.job, self.need
        errand = Errand(json.dumps(job.to_json()), self._run, pack_main(job, self._run), os.getcwd(), seen, need.gpus > 0)
        task = self._ray.remote(
            num_cpus=need.cpus,
            num_gpus=need.gpus,
            memory=need.memory or None,
            num_returns="streaming",
            max_retries=0,
            name=job.key,
        )
        self.stream = task(supervise).remote(errand, luggage)

    @property
    def waits(self) -> bool:
        """Whether the cluster has had no room for it so far."""
        return not self._where

    def look(self) -> Outcome | None:
        """The outcome, if the training has ended, or does not answer any more. Else `unseen` may say that it needs luggage."""
        outcome = None
        while outcome is None and not self.unseen and self._is_ready():
            outcome = self._next()
        outcome = outcome or self._silent()
        if outcome is None:
            return None
        self._token.unlink(missing_ok=True)
        return replace(outcome, worker=self._where or "ray")

    def end(self) -> None:
        """End the task by ending its worker: the training dies with it."""
        self._ray.cancel(self.stream, force=True)
        self._token.unlink(missing_ok=True)

    def _next(self) -> Outcome | None:
        """The outcome, if it is that, or the news that there will be none."""
        try:
            return self._received(self._ray.get(next(self.stream)))
        except StopIteration:
            return self._lost("its Ray worker has ended without a word")
        except self._ray.exceptions.RayError as error:
            return self._lost(self._why(error))
        except OSError as error:
            self.end()
            return self._lost(f"what it has brought back could not be written: {error}")

    def _is_ready(self) -> bool:
        return bool(self._ray.wait([self.stream], timeout=0, fetch_local=False)[0])

    def _received(self, item: Mapping[str, Any]) -> Outcome | None:
        """What came of the training, if it is that."""
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
        """How a task ended that brought no outcome."""
        exceptions, host = self._ray.exceptions, self._where.partition("/")[0] if self._where else "some node"
        if isinstance(error, exceptions.OutOfMemoryError):
            return f"out of memory: Ray ended its worker on {host}, where memory had run out"
        if isinstance(error, exceptions.NodeDiedError):
            return f"its node {host} has left the Ray cluster"
        if isinstance(error, exceptions.RayTaskError):
            return f"its Ray worker on {host} failed: {' '.join(str(error).strip().splitlines()[-1:])}"
        return f"its Ray worker on {host} was killed, or has crashed"

    def _silent(self) -> Outcome | None:
        """A worker that says nothing though its training must be over."""
        limit = self.job.time_limit
        if limit is None or self.waits or time.monotonic() - self._began < limit + GRACE_SECONDS + ANSWER_SECONDS:
            return None
        self.end()
        return self._lost("its Ray worker does not answer: hung")

    def _lost(self, cause: str) -> Outcome:
        """What was written counts, where the training did not live to say so."""
        seconds = 0.0 if self.waits else time.monotonic() - self._began
        failed = Outcome("failed", cause=cause, curve=tuple(self.records), seconds=seconds, machine_fault=True)
        return written_outcome(self.job) or failed
