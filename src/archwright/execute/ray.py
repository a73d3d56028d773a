"""`ray`: trainings on a Ray cluster (Moritz et al. 2018, arXiv:1712.05889), each a task that supervises a process of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from archwright.errors import InputError
from archwright.evaluate.job import Job, Outcome
from archwright.execute.attempt import RUN_JOB
from archwright.execute.capacity import check_devices
from archwright.execute.process_memory import MB
from archwright.execute.ray_cluster import Cluster, Need, import_ray
from archwright.execute.ray_data import SharedData
from archwright.execute.ray_training import RayTraining
from archwright.execute.resources import Resources, check_device

LOOK_EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 600.0
"""How long trainings wait for a node to come back, where none is left that could take one."""


class Ray:
    """A worker or a node that is lost is a failed training (machine_fault: worth another try), and the others go on."""

    def __init__(self, resources: Resources, run: str = RUN_JOB) -> None:
        self._resources = resources
        self._check_device(resources.device)
        self._ray = import_ray()
        self._cluster = Cluster(resources.address)
        self._has_gpus = self._cluster.has_gpus  # should their nodes be lost, nothing moves to other nodes' cores in silence
        self._found_room: set[Need] = set()
        try:
            self._workers = self._workers_of(self._need(1))
            self._check(resources.devices, resources.device)
        except BaseException:
            self._cluster.close()
            raise
        self._run = run
        self._data = SharedData(self._ray)
        self._queue: deque[tuple[Job, Need]] = deque()
        self._running: list[RayTraining] = []
        self._finished: list[tuple[Job, Outcome]] = []
        self._without_room_since: float | None = None

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def threads(self) -> int:
        return self._resources.cpus or 1

    def submit(self, job: Job) -> None:
        self._check_device(job.device)
        self._queue.append((job, self._check(job.devices, job.device)))
        self._start_queued()

    def wait(self, timeout: float | None = None) -> list[tuple[Job, Outcome]]:
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            self._look()
            self._start_queued()
            self._check_there_is_room()
            left = until - time.monotonic()
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
        self._data.forget()
        self._cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_device(self, device: str) -> None:
        check_device(device)
        if device.startswith("cuda:"):
            raise InputError(f"Ray chooses the GPU of a training, and {device!r} was asked for: give cuda")

    def _check(self, devices: int, device: str) -> Need:
        """What a training on so many devices needs. Raises InputError where the workers, or no node so far, could give it."""
        check_devices(devices, self._workers)
        need = self._need(devices, device)
        if need not in self._found_room:
            self._cluster.check_room(need)
            self._found_room.add(need)
        return need

    def _need(self, devices: int, device: str = "auto") -> Need:
        """What a training on so many devices asks of a node: the GPUs are whole ones where it has several.

        Raises InputError where it asks for a GPU, and no node has any.
        """
        asked, device = self._resources, self._resources.device if device == "auto" else device
        memory = int((asked.memory or 0) * MB)
        if not self._has_gpus and (device == "cuda" or (asked.gpus and device != "cpu")):
            raise InputError(
                "a training is to have a GPU, and no node of the Ray cluster has one: give cpu as the device, or add nodes"
            )
        on_gpu = self._has_gpus and device != "cpu" and asked.gpus != 0
        part = 1.0 if devices > 1 or asked.gpus is None else asked.gpus
        return Need(devices * self.threads, devices * part if on_gpu else 0.0, devices * memory)

    def _workers_of(self, need: Need) -> int:
        """Those asked for, else as many as there is room for. Raises InputError for more than that."""
        self._cluster.check_room(need)
        room = self._cluster.room_for(need)
        workers = self._resources.workers or room
        if workers > room:
            raise InputError(
                f"{workers} workers were asked for, and the Ray cluster has room for {room} trainings with {need} each: "
                "give fewer workers, or add nodes first"
            )
        return workers

    def _start_queued(self) -> None:
        """Jobs in their order, as long as enough workers are free."""
        free = self._workers - sum(training.job.devices for training in self._running)
        while self._queue and self._queue[0][0].devices <= free:
            job, need = self._queue.popleft()
            free -= job.devices
            training = RayTraining(self._ray, job, self._run, need)
            self._running.append(training)
            self._start(training)

    def _start(self, training: RayTraining) -> None:
        """One that cannot be started has failed by the machine's fault."""
        try:
            training.start(self._data.luggage(training.job))
        except (OSError, self._ray.exceptions.RayError) as error:
            self._running.remove(training)
            cause = f"no task could be started: {error}"
            self._finished.append((training.job, Outcome("failed", cause=cause, machine_fault=True)))

    def _look(self) -> None:
        """Take what has ended off the list; whatever needs luggage begins again with it."""
        for training in list(self._running):
            outcome = training.look()
            if outcome is not None:
                self._running.remove(training)
                self._finished.append((training.job, outcome))
            elif training.unseen:
                self._data.take_along()
                self._start(training)

    def _check_there_is_room(self) -> None:
        """Raises InputError where the nodes that are left cannot take what waits, and none has come for long."""
        waiting = [training for training in self._running if training.waits]
        if all(self._cluster.room_for(training.need) for training in waiting):
            self._without_room_since = None
            return
        self._without_room_since = self._without_room_since or time.monotonic()
        if time.monotonic() - self._without_room_since > PATIENCE_SECONDS:
            self._cluster.check_room(waiting[0].need)
