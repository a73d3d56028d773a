"""`ray`: trainings on a Ray cluster (Moritz et al. 2018, arXiv:1712.05889), each a task that supervises its own process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from archwright.errors import InputError
from archwright.evaluate.job import TRAIN, Job, Outcome
from archwright.execute.capacity import check_devices
from archwright.execute.process_memory import MB
from archwright.execute.ray.cluster import Cluster, TaskResources, import_ray
from archwright.execute.ray.shared_data import SharedData
from archwright.execute.ray.training import RayTraining
from archwright.execute.resources import Resources, check_device
from archwright.formatting import plural

LOOK_EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 600.0
"""How long trainings wait for a new node if none is left that could run them."""


class Ray:
    """Runs each training as a Ray task. A lost worker or node fails its training (machine_fault: retried); the others continue."""

    def __init__(self, resources: Resources, run: str = TRAIN) -> None:
        self._resources = resources
        self._check_device(resources.device)
        self._ray = import_ray()
        self._cluster = Cluster(resources.address)
        self._has_gpus = self._cluster.has_gpus  # fixed at the start: if GPU nodes are lost, trainings do not silently move to CPUs
        self._feasible: set[TaskResources] = set()
        try:
            self._workers = self._worker_count(self._resources_for(1))
            self._checked_resources(resources.devices, resources.device)
        except BaseException:
            self._cluster.close()
            raise
        self._run = run
        self._data = SharedData(self._ray)
        self._queue: deque[tuple[Job, TaskResources]] = deque()
        self._running: list[RayTraining] = []
        self._finished: list[tuple[Job, Outcome]] = []
        self._no_capacity_since: float | None = None

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def threads(self) -> int:
        return self._resources.cpus or 1

    def submit(self, job: Job) -> None:
        self._check_device(job.device)
        self._queue.append((job, self._checked_resources(job.devices, job.device)))
        self._start_queued()

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._collect()
            self._start_queued()
            self._check_waiting_trainings()
            left = deadline - time.monotonic()
            if self._finished or not self._running or left <= 0:
                break
            streams = [training.stream for training in self._running]
            self._ray.wait(streams, timeout=min(left, LOOK_EVERY_SECONDS), fetch_local=False)
        finished, self._finished = self._finished, []
        return finished

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        return {training.job.key: training.records[-1] for training in self._running if training.records}

    def close(self) -> None:
        self._queue.clear()
        while self._running:
            self._running.pop().end()
        self._data.delete()
        self._cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_device(self, device: str) -> None:
        check_device(device)
        if device.startswith("cuda:"):
            raise InputError(f"device {device!r} cannot be requested, as Ray chooses the GPU of each training: give cuda")

    def _checked_resources(self, devices: int, device: str) -> TaskResources:
        """The resources for a training on so many devices. Raises InputError if the workers are too few, or no node has them."""
        check_devices(devices, self._workers)
        task_resources = self._resources_for(devices, device)
        if task_resources not in self._feasible:
            self._cluster.check_capacity(task_resources)
            self._feasible.add(task_resources)
        return task_resources

    def _resources_for(self, devices: int, device: str = "auto") -> TaskResources:
        """The resources on one node for a training on so many devices; several GPUs are always whole ones.

        Raises InputError if it requires a GPU and no node has one.
        """
        requested, device = self._resources, self._resources.device if device == "auto" else device
        memory = int((requested.memory or 0) * MB)
        if not self._has_gpus and (device == "cuda" or (requested.gpus and device != "cpu")):
            raise InputError("a GPU was requested, but no node of the Ray cluster has one: set the device to cpu, or add GPU nodes")
        on_gpu = self._has_gpus and device != "cpu" and requested.gpus != 0
        fraction = 1.0 if devices > 1 or requested.gpus is None else requested.gpus
        return TaskResources(devices * self.threads, devices * fraction if on_gpu else 0.0, devices * memory)

    def _worker_count(self, task_resources: TaskResources) -> int:
        """The requested number of workers, by default as many as fit. Raises InputError for more than that."""
        self._cluster.check_capacity(task_resources)
        capacity = self._cluster.capacity_for(task_resources)
        workers = self._resources.workers or capacity
        if workers > capacity:
            raise InputError(
                f"{plural(workers, 'worker')} requested, but the Ray cluster has room for only {capacity}, "
                f"with {task_resources} each: "
                "give fewer workers, or add nodes first"
            )
        return workers

    def _start_queued(self) -> None:
        """Start queued jobs, in order, while enough workers are free."""
        free = self._workers - sum(training.job.devices for training in self._running)
        while self._queue and self._queue[0][0].devices <= free:
            job, task_resources = self._queue.popleft()
            free -= job.devices
            training = RayTraining(self._ray, job, self._run, task_resources)
            self._running.append(training)
            self._start(training)

    def _start(self, training: RayTraining) -> None:
        """Start a training; if that is impossible, it has failed with a machine fault."""
        try:
            training.start(self._data.inputs(training.job))
        except (OSError, self._ray.exceptions.RayError) as error:
            self._running.remove(training)
            cause = f"its Ray task could not be started: {error}"
            self._finished.append((training.job, Outcome("failed", cause=cause, machine_fault=True)))

    def _collect(self) -> None:
        """Collect ended trainings; restart those whose worker cannot see the run folder, with their inputs attached."""
        for training in list(self._running):
            outcome = training.look()
            if outcome is not None:
                self._running.remove(training)
                self._finished.append((training.job, outcome))
            elif training.unseen:
                self._data.enable()
                self._start(training)

    def _check_waiting_trainings(self) -> None:
        """Raise InputError if the remaining nodes cannot run a waiting training, and no new node has joined for a long time."""
        waiting = [training for training in self._running if training.waits]
        if all(self._cluster.capacity_for(training.task_resources) for training in waiting):
            self._no_capacity_since = None
            return
        self._no_capacity_since = self._no_capacity_since or time.monotonic()
        if time.monotonic() - self._no_capacity_since > PATIENCE_SECONDS:
            self._cluster.check_capacity(waiting[0].task_resources)
