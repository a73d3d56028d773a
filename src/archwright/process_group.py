"""The processes that train one network together: each takes its shard of every batch, and they exchange sums.

Every decision must be based on values that are identical in all of them, or one waits forever for a collective call of another.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from archwright.errors import InputError
from archwright.formatting import plural

RANK, SIZE, RENDEZVOUS = "RANK", "WORLD_SIZE", "ARCHWRIGHT_RENDEZVOUS"
"""Environment variables with a process's rank, the number of processes, and the file for their rendezvous."""

Value = TypeVar("Value")
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ProcessGroup:
    """`size` processes, of which this one has `rank`, counted from 0. A single process exchanges nothing."""

    rank: int = 0
    size: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is the process that writes files, reports, and reads the test split."""
        return self.rank == 0

    def shard(self, count: int) -> slice:
        """This process's rows of a batch of `count` rows; shards differ by at most one row.

        Raises InputError if a process would have none.
        """
        if count < self.size:
            raise InputError(
                f"a batch of {plural(count, 'row')} cannot be divided among {self.size} processes: give a larger train.batch_size, "
                "more data, or fewer devices"
            )
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def weighted_loss(self, loss: Loss, count: int) -> Loss:
        """`loss`, a mean over this process's rows, scaled so that its mean over the processes is that over a batch of `count`."""
        if self.size == 1:
            return loss
        return lambda output, target: loss(output, target) * (len(target) * self.size / count)

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, bitwise identical in each; no gradient. It may be `tensor` itself."""
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        distributed.all_reduce(total)
        return total

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor, in place, by its mean over the processes, in a single exchange."""
        if self.size == 1 or not tensors:
            return
        total = self.all_reduce(torch.cat([tensor.detach().reshape(-1) for tensor in tensors])) / self.size
        with torch.no_grad():
            for tensor, part in zip(tensors, torch.split(total, [tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def stacked_rows(self, row: Tensor) -> Tensor:
        """Stack the row of each process: (N,) -> (processes, N); no gradient."""
        table = row.new_zeros(self.size, len(row))
        table[self.rank] = row.detach()
        return self.all_reduce(table)

    def all_gather(self, rows: Tensor) -> Tensor:
        """Concatenate the rows of all processes by rank: (own rows, ...) -> (all rows, ...); no gradient."""
        if self.size == 1:
            return rows
        counts = self.stacked_rows(torch.tensor([len(rows)], device=rows.device))[:, 0].tolist()
        first = sum(counts[: self.rank])
        gathered = rows.new_zeros(sum(counts), *rows.shape[1:])
        gathered[first : first + len(rows)] = rows.detach()
        return self.all_reduce(gathered)

    def slowest(self, seconds: float) -> float:
        """The largest duration that any process measured."""
        return max(self.all_gather_object(seconds))

    def broadcast(self, value: Value) -> Value:
        """The value of rank 0; it must be small and plain, as it is sent pickled."""
        return self.all_gather_object(value)[0]

    def all_gather_object(self, value: Value) -> list[Value]:
        """The value of each process, by rank; they must be small and plain, as they are sent pickled."""
        if self.size == 1:
            return [value]
        values: list[Value] = [value] * self.size
        distributed.all_gather_object(values, value)
        return values


SINGLE_PROCESS = ProcessGroup()


def join_process_group(devices: int, device: torch.device) -> ProcessGroup:
    """The group of this training's `devices` processes, once all have joined; they are launched with `process_environment`.

    Raises InputError in a process that was launched on its own.
    """
    if devices == 1:
        return SINGLE_PROCESS
    rank, size = own_rank(), int(os.environ.get(SIZE, "1"))
    if size != devices or RENDEZVOUS not in os.environ:
        raise InputError(f"a training on {devices} devices needs as many processes: run it with an executor, such as 'processes'")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        store = distributed.FileStore(  # type: ignore[attr-defined]
            os.environ[RENDEZVOUS], size
        )
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size)
    return ProcessGroup(rank, size)


def own_rank() -> int:
    """The rank of this process in its training."""
    return int(os.environ.get(RANK, "0"))


def process_environment(rank: int, size: int, rendezvous: str) -> dict[str, str]:
    """The environment of one of the processes on this machine, as `torchrun` sets it. rendezvous: a file yet to be created."""
    own = {RANK: str(rank), SIZE: str(size), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(size), "NODE_RANK": "0"}
    if sys.platform == "linux" and "GLOO_SOCKET_IFNAME" not in os.environ:
        own["GLOO_SOCKET_IFNAME"] = "lo"  # otherwise gloo resolves the host name, which fails on some networks
    return {**own, RENDEZVOUS: rendezvous}
