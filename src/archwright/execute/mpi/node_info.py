"""What one rank of an MPI job sees of its node: it tells this once, in small JSON."""

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
    """`cores`: the numbers of those it may use, `cpus`: how many of them a container allows, `memory`: the node's, in MB.

    `gpus`: what CUDA_VISIBLE_DEVICES calls those that it sees, `gpu_ids`: the same by names that no other GPU has. Slurm may show
    each rank one GPU, and call it 0 for all.
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
        lists = {name: tuple(text[name]) for name in ("cores", "gpus", "gpu_ids")}
        return cls(**{**text, **lists})


def node_info_here() -> NodeInfo:
    """This process's. Its fork server is asked for the GPUs, so that neither torch nor CUDA is loaded here."""
    gpus, ids = _gpus_here()
    return NodeInfo(socket.gethostname(), _cores_here(), usable_cpus(), machine_memory_mb(), tuple(gpus), tuple(ids))


def _cores_here() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _gpus_here() -> tuple[list[str], list[str]]:
    process, pipe = start_process(_tell_gpus, None, "gpus")
    with pipe:
        names, ids = json.loads(pipe.recv_bytes())
    process.join()
    return names, ids


def _tell_gpus(_: None, pipe: Connection) -> None:
    """Their names and identities."""
    import torch

    names = visible_gpus()
    ids = [str(torch.cuda.get_device_properties(i).uuid) for i in range(len(names))]
    pipe.send_bytes(json.dumps([names, ids]).encode())
