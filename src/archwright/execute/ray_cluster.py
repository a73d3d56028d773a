"""A Ray cluster: the one that is there, or one of this machine alone, and what its nodes have room for."""

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

ADDRESS = "RAY_ADDRESS"
ANSWER_SECONDS, GREETING_SECONDS = 5.0, 60.0
"""How long a cluster may take to answer at its address, and to start its first worker."""
FRESH_SECONDS = 1.0
ROUNDING = 1e-9
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS = 4


@dataclass(frozen=True)
class Need:
    """What one training asks of one node. `gpus`: a part of one, or whole ones; `memory` in bytes."""

    cpus: int
    gpus: float = 0.0
    memory: int = 0

    def __str__(self) -> str:
        parts = [f"{self.cpus} core{'s' * (self.cpus > 1)}"]
        parts += [f"{self.gpus:g} GPUs"] if self.gpus else []
        parts += [f"{self.memory / 1e6:g} MB of memory"] if self.memory else []
        return ", ".join(parts)

    def room_in(self, node: Mapping[str, float]) -> int:
        """How many such trainings a node with these resources can hold at a time; a part of a GPU is of one GPU."""
        rooms = [floor(node.get("CPU", 0.0) / self.cpus + ROUNDING)]
        if self.memory:
            rooms.append(floor(node.get("memory", 0.0) / self.memory + ROUNDING))
        if self.gpus >= 1:
            rooms.append(floor(node.get("GPU", 0.0) / self.gpus + ROUNDING))
        elif self.gpus > 0:
            rooms.append(floor(node.get("GPU", 0.0) + ROUNDING) * floor(1 / self.gpus + ROUNDING))
        return min(rooms)


class Cluster:
    """A connection to a cluster. A program that is connected already keeps its connection, before and after."""

    def __init__(self, address: str | None) -> None:
        """`address`: HOST:PORT or "auto"; None: the environment variable RAY_ADDRESS, else a cluster of this machine alone.

        Raises InputError where Ray is not installed, nobody answers, or the cluster's Python has no archwright.
        """
        self._ray = import_ray()
        self._own = not self._ray.is_initialized()
        self._nodes: list[Mapping[str, float]] = []
        self._asked = -inf
        if self._own:
            _connect(self._ray, address or os.environ.get(ADDRESS))
        elif address is not None:
            _check_same(_answering(address), self._ray.get_runtime_context().gcs_address)
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    @property
    def nodes(self) -> list[Mapping[str, float]]:
        """What each node that is there has in all, by Ray's names: CPU, GPU, memory in bytes. Asked for once a second."""
        if time.monotonic() - self._asked > FRESH_SECONDS:
            self._nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._asked = time.monotonic()
        return self._nodes

    @property
    def has_gpus(self) -> bool:
        return any(node.get("GPU", 0.0) > 0 for node in self.nodes)

    def room_for(self, need: Need) -> int:
        """How many such trainings its nodes can hold at a time, were they empty."""
        return sum(need.room_in(node) for node in self.nodes)

    def check_room(self, need: Need) -> None:
        """Raises InputError where no node can give what one training needs."""
        if self.room_for(need) > 0:
            return
        have = "; ".join(sorted({_in_words(node) for node in self.nodes}))
        raise InputError(f"no node of the Ray cluster can give a training {need} (there are nodes with {have}): ask for less")

    def close(self) -> None:
        """Leave it, if it was joined here; one of this machine alone ends."""
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()

    def _greet(self) -> None:
        """Have one worker started, which must know this library."""
        errors = self._ray.exceptions
        try:
            self._ray.get(self._ray.remote(num_cpus=0)(greet).remote(), timeout=GREETING_SECONDS)
        except errors.RayTaskError as error:
            cause = str(error).strip().splitlines()[-1]
            raise InputError(f"the Ray cluster's workers cannot use archwright ({cause}): install it on every node") from None
        except errors.RayError as error:
            raise InputError(f"the Ray cluster starts no worker ({str(error).strip()}): see `ray status`") from None


def greet() -> None:
    """What a worker can do that has this library."""


def import_ray() -> Any:
    """The module, which reports no usage from here and prints nothing, unless it was told to. Raises InputError where it is not."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    try:
        import ray
    except ImportError:
        raise InputError("the executor 'ray' needs Ray, which is not installed: pip install 'archwright[ray]'") from None
    return ray


def _connect(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with _sigterm_as_it_is():
        if address is None:
            ray.init(address="local", num_cpus=usable_cpus(), include_dashboard=False, **quiet)
            return
        _answering(address)
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise InputError(
                f"the Ray cluster at {address} cannot be joined ({' '.join(str(error).split())}): this machine must be one of its "
                "nodes, with the same Ray and Python, and with RAY_AUTH_MODE=token where the cluster asks for a token"
            ) from None


def _check_same(asked: str, connected: str) -> None:
    if asked != connected:
        raise InputError(f"this program is connected to the Ray cluster at {connected}: leave the address {asked} out")


@contextmanager
def _sigterm_as_it_is() -> Iterator[None]:
    """Ray has a handler of its own, which would end the program with another exit code."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)


def _answering(address: str) -> str:
    """The address as HOST:PORT, where a cluster answers; Ray itself would try for minutes. Raises InputError."""
    found = _auto() if address == "auto" else address
    host, _, port = found.rpartition(":")
    if not host or not port.isdigit() or "/" in found:
        raise InputError(
            f"{address!r} is no address of a Ray cluster: give HOST:PORT (usually port 6379), or auto on one of its nodes"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(HTTP2_PREFACE)
            answer = connection.recv(9)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster answers at {found} ({error}): start one (`ray start --head`), or mend the address"
        ) from None
    if len(answer) < 4 or answer[3] != SETTINGS:
        raise InputError(f"what answers at {found} is no Ray cluster: its port is usually 6379, and 8265 is the dashboard's")
    return found


def _auto() -> str:
    """The address of the cluster that this machine is a node of. Raises InputError where it is of none."""
    from ray._private.services import canonicalize_bootstrap_address_or_die

    try:
        return str(canonicalize_bootstrap_address_or_die("auto"))
    except (ConnectionError, ValueError):
        raise InputError(
            "there is no Ray cluster on this machine: start it with `ray start --head`, or give its HOST:PORT"
        ) from None


def _in_words(node: Mapping[str, float]) -> str:
    memory = node.get("memory", 0.0) / 1e6
    return f"{node.get('CPU', 0):g} cores, {node.get('GPU', 0):g} GPUs, {memory:.0f} MB"
