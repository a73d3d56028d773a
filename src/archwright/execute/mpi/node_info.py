"""What one rank of an MPI job sees of its node; reported to rank 0 once, as JSON."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from archwright.execute.capacity import machine_memory_mb
from archwright.execute.device_placement import visible_gpus
from archwright.execute.fork_server import start_process
from archwright.execute.threads import usable_cpus


@dataclass(frozen=True)
class NodeInfo:
    """`cores`: the indices of the usable cores. `cpus`: how many of them the container allows. `memory`: the node's, in MB.

    `gpus`: the visible GPUs as named in CUDA_VISIBLE_DEVICES. `gpu_ids`: the same GPUs by UUID; Slurm may show each rank a single
    GPU and call it 0 on every rank.
    """

    host: str
    cores: tuple[int, ...]
    cpus: int
    memory: float | None
    gpus: tuple[str, ...] = ()
    gpu_ids: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> NodeInfo:
        tuples = {name: tuple(text[name]) for name in ("cores", "gpus", "gpu_ids")}
        return cls(**{**text, **tuples})


def node_info_here() -> NodeInfo:
    """The node as seen by this process. The fork server lists the GPUs, so that neither torch nor CUDA is loaded here."""
    gpus, ids = _gpus_here()
    return NodeInfo(socket.gethostname(), _cores_here(), usable_cpus(), machine_memory_mb(), tuple(gpus), tuple(ids))


def _cores_here() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _gpus_here() -> tuple[list[str], list[str]]:
    process, pipe = start_process(_send_gpus, None, "gpus")
    with pipe:
        names, ids = json.loads(pipe.recv_bytes())
    process.join()
    return names, ids


def _send_gpus(_: None, pipe: Connection) -> None:
    """Send the names and UUIDs of the visible GPUs."""
    import torch

    names = visible_gpus()
    ids = [str(torch.cuda.get_device_properties(i).uuid) for i in range(len(names))]
    pipe.send_bytes(json.dumps([names, ids]).encode())
