"""The processes that train one network together: each takes its part of every batch, and they exchange sums.

What they decide by must be the same in all of them, or one waits for ever for what another does not do.
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

RANK, SIZE, RENDEZVOUS = "RANK", "WORLD_SIZE", "ARCHWRIGHT_MEETING"
"""Where in the environment a process finds its number, how many they are, and the file by which they find each other."""

Value = TypeVar("Value")
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ProcessGroup:
    """`size` processes, of which this is number `rank`, counted from 0. One process alone exchanges nothing."""

    rank: int = 0
    size: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """Whether this is the one process that writes, reports and reads the test split."""
        return self.rank == 0

    def shard(self, count: int) -> slice:
        """This process's rows of a batch of `count`; parts differ by one row at most.

        Raises InputError where a process would have none.
        """
        if count < self.size:
            raise InputError(
                f"a batch of {count} rows cannot be divided among {self.size} processes: give a larger train.batch_size, "
                "more data, or fewer devices"
            )
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def weighted_loss(self, loss: Loss, count: int) -> Loss:
        """Of the mean over this process's rows, what makes the mean over all processes that of all `count` rows of a batch."""
        if self.size == 1:
            return loss
        return lambda output, target: loss(output, target) * (len(target) * self.size / count)

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, the same to the last bit in each; no gradient. It may be `tensor` itself."""
        if self.size == 1:
            return tensor
        total = tensor.detach().clone()
        distributed.all_reduce(total)
        return total

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its mean over the processes, in place, by one exchange."""
        if self.size == 1 or not tensors:
            return
        total = self.all_reduce(torch.cat([tensor.detach().reshape(-1) for tensor in tensors])) / self.size
        with torch.no_grad():
            for tensor, part in zip(tensors, torch.split(total, [tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def stacked_rows(self, row: Tensor) -> Tensor:
        """The row of each process, (N,) -> (processes, N); no gradient."""
        table = row.new_zeros(self.size, len(row))
        table[self.rank] = row.detach()
        return self.all_reduce(table)

    def all_gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in the order of these: (own rows, ...) -> (all rows, ...); no gradient."""
        if self.size == 1:
            return rows
        counts = self.stacked_rows(torch.tensor([len(rows)], device=rows.device))[:, 0].tolist()
        first = sum(counts[: self.rank])
        everything = rows.new_zeros(sum(counts), *rows.shape[1:])
        everything[first : first + len(rows)] = rows.detach()
        return self.all_reduce(everything)

    def slowest(self, seconds: float) -> float:
        """The most that any process measured."""
        return max(self.all_gather_object(seconds))

    def broadcast(self, value: Value) -> Value:
        """What the first process has; small and plain, as it travels pickled."""
        return self.all_gather_object(value)[0]

    def all_gather_object(self, value: Value) -> list[Value]:
        """What each process has, in their order; small and plain."""
        if self.size == 1:
            return [value]
        values: list[Value] = [value] * self.size
        distributed.all_gather_object(values, value)
        return values


SINGLE_PROCESS = ProcessGroup()


def join_process_group(devices: int, device: torch.device) -> ProcessGroup:
    """All `devices` processes of this training, once each of them has come: they were launched with `process_environment`.

    Raises InputError in a process that was launched without companions.
    """
    if devices == 1:
        return SINGLE_PROCESS
    rank, size = own_rank(), int(os.environ.get(SIZE, "1"))
    if size != devices or RENDEZVOUS not in os.environ:
        raise InputError(f"a training on {devices} devices takes as many processes: run it by an executor, such as 'processes'")
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
    """Of this process among those of its training."""
    return int(os.environ.get(RANK, "0"))


def process_environment(rank: int, size: int, rendezvous: str) -> dict[str, str]:
    """The environment of one of the processes on this machine, as `torchrun` sets it. rendezvous: a file that is not there yet."""
    own = {RANK: str(rank), SIZE: str(size), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(size), "NODE_RANK": "0"}
    if sys.platform == "linux" and "GLOO_SOCKET_IFNAME" not in os.environ:
        own["GLOO_SOCKET_IFNAME"] = "lo"  # else gloo looks up this machine's name, which not every network knows
    return {**own, RENDEZVOUS: rendezvous}
