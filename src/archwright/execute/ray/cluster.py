"""A Ray cluster, existing or started on this machine, and the capacity of its nodes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor, inf
from typing import Any

from archwright.errors import InputError
from archwright.execute.threads import usable_cpus
from archwright.formatting import plural

ADDRESS = "RAY_ADDRESS"
ANSWER_SECONDS, WORKER_START_SECONDS = 5.0, 60.0
"""How long a cluster may take to answer at its address, and to start its first worker."""
REFRESH_SECONDS = 1.0
ROUNDING = 1e-9
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = 4


@dataclass(frozen=True)
class TaskResources:
    """The resources that a training needs on one node. `gpus`: a fraction of one, or whole ones; `memory` in bytes."""

    cpus: int
    gpus: float = 0.0
    memory: int = 0

    def __str__(self) -> str:
        parts = [plural(self.cpus, "core")]
        parts += [f"{self.gpus:g} GPU{'s' * (self.gpus > 1)}"] if self.gpus else []
        parts += [f"{self.memory / 1e6:g} MB of memory"] if self.memory else []
        return ", ".join(parts)

    def capacity_of(self, node: Mapping[str, float]) -> int:
        """How many such trainings fit on an empty node at a time; a fraction of a GPU is never spread over two GPUs."""
        capacities = [floor(node.get("CPU", 0.0) / self.cpus + ROUNDING)]
        if self.memory:
            capacities.append(floor(node.get("memory", 0.0) / self.memory + ROUNDING))
        if self.gpus >= 1:
            capacities.append(floor(node.get("GPU", 0.0) / self.gpus + ROUNDING))
        elif self.gpus > 0:
            capacities.append(floor(node.get("GPU", 0.0) + ROUNDING) * floor(1 / self.gpus + ROUNDING))
        return min(capacities)


class Cluster:
    """A connection to a cluster. If the program is already connected, that connection is used and left open."""

    def __init__(self, address: str | None) -> None:
        """`address`: HOST:PORT or "auto"; None: the environment variable RAY_ADDRESS, else a new cluster on this machine only.

        Raises InputError if Ray is not installed, no cluster answers, or archwright is not installed on its nodes.
        """
        self._ray = import_ray()
        self._connected_here = not self._ray.is_initialized()
        self._nodes: list[Mapping[str, float]] = []
        self._refreshed = -inf
        if self._connected_here:
            _connect(self._ray, address or os.environ.get(ADDRESS))
        elif address is not None:
            _check_same(_answering(address), self._ray.get_runtime_context().gcs_address)
        try:
            self._check_worker()
        except BaseException:
            self.close()
            raise

    @property
    def nodes(self) -> list[Mapping[str, float]]:
        """The total resources of each living node, by Ray's names: CPU, GPU, memory in bytes. Refreshed at most once a second."""
        if time.monotonic() - self._refreshed > REFRESH_SECONDS:
            self._nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._refreshed = time.monotonic()
        return self._nodes

    @property
    def has_gpus(self) -> bool:
        return any(node.get("GPU", 0.0) > 0 for node in self.nodes)

    def capacity_for(self, task_resources: TaskResources) -> int:
        """How many such trainings fit on the cluster at a time, were its nodes empty."""
        return sum(task_resources.capacity_of(node) for node in self.nodes)

    def check_capacity(self, task_resources: TaskResources) -> None:
        """Raise InputError if no node has the resources for one training."""
        if self.capacity_for(task_resources) > 0:
            return
        available = "; ".join(sorted({_node_text(node) for node in self.nodes}))
        raise InputError(f"no node of the Ray cluster has {task_resources} for a training (nodes have {available}): request less")

    def close(self) -> None:
        """Disconnect if this object connected; a cluster started here ends."""
        if self._connected_here and self._ray.is_initialized():
            self._ray.shutdown()

    def _check_worker(self) -> None:
        """Start one worker, to check that it can import this library."""
        errors = self._ray.exceptions
        try:
            self._ray.get(self._ray.remote(num_cpus=0)(do_nothing).remote(), timeout=WORKER_START_SECONDS)
        except errors.RayTaskError as error:
            cause = str(error).strip().splitlines()[-1]
            raise InputError(f"the Ray cluster's workers cannot import archwright ({cause}): install it on every node") from None
        except errors.RayError as error:
            raise InputError(f"the Ray cluster does not start a worker ({str(error).strip()}): see `ray status`") from None


def do_nothing() -> None:
    """Do nothing; a worker can run it only if it can import this library."""


def import_ray() -> Any:
    """Import Ray, by default without usage reports and log output. Raises InputError if it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    try:
        import ray
    except ImportError:
        raise InputError("the executor 'ray' needs Ray, which is not installed: pip install 'archwright[ray]'") from None
    return ray


def _connect(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with _keep_sigterm_handler():
        if address is None:
            ray.init(address="local", num_cpus=usable_cpus(), include_dashboard=False, **quiet)
            return
        _answering(address)
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise InputError(
                f"the Ray cluster at {address} cannot be joined ({' '.join(str(error).split())}): this machine must be one of its "
                "nodes, with the same versions of Ray and Python, and with RAY_AUTH_MODE=token if the cluster requires a token"
            ) from None


def _check_same(requested: str, connected: str) -> None:
    if requested != connected:
        raise InputError(f"this program is connected to the Ray cluster at {connected}: omit the address {requested}")


@contextmanager
def _keep_sigterm_handler() -> Iterator[None]:
    """Restore the SIGTERM handler: Ray installs its own, which would end the program with another exit code."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)


def _answering(address: str) -> str:
    """The address as HOST:PORT, if a cluster answers there; Ray itself would retry for minutes. Raises InputError."""
    found = _auto() if address == "auto" else address
    host, _, port = found.rpartition(":")
    if not host or not port.isdigit() or "/" in found:
        raise InputError(
            f"{address!r} is not the address of a Ray cluster: give HOST:PORT (usually port 6379), or auto on one of its nodes"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(HTTP2_PREFACE)
            answer = connection.recv(9)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster answers at {found} ({error}): start one (`ray start --head`), or correct the address"
        ) from None
    if len(answer) < 4 or answer[3] != SETTINGS:
        raise InputError(f"the server at {found} is not a Ray cluster: its port is usually 6379; 8265 is the dashboard's")
    return found


def _auto() -> str:
    """The address of the cluster that this machine is a node of. Raises InputError if there is none."""
    from ray._private.services import canonicalize_bootstrap_address_or_die

    try:
        return str(canonicalize_bootstrap_address_or_die("auto"))
    except (ConnectionError, ValueError):
        raise InputError(
            "no Ray cluster is running on this machine: start one with `ray start --head`, or give its HOST:PORT"
        ) from None


def _node_text(node: Mapping[str, float]) -> str:
    memory = node.get("memory", 0.0) / 1e6
    return f"{node.get('CPU', 0):g} cores, {node.get('GPU', 0):g} GPUs, {memory:.0f} MB of memory"
