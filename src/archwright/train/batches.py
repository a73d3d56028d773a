"""Batches of a split, directly from its arrays: a seeded permutation per epoch, normalised and augmented on the device."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.raw_data import Array
from archwright.data.splits import Split
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.train.augmentation import Augment
from archwright.train.text_streams import evaluation_batches, stream_order
from archwright.train.trained_model import evaluation_batch, normalisation

KEPT_BYTES = 2**30
"""Inputs up to this size (and a third of a GPU's free memory) are copied to the device once."""


class Rows:
    """A split whose rows are moved to the device: inputs normalised, a regression's targets standardised.

    x: (N, *input_shape) uint8 or float32, or int64 tokens, in memory or memory-mapped. channels_last: memory format of the batches.
    `sequential`: whether rows follow each other, like the windows of a text, and are read in streams.
    """

    def __init__(
        self, split: Split, problem: Problem, preprocessing: Preprocessing, device: torch.device, channels_last: bool
    ) -> None:
        self.device, self.channels_last = device, channels_last
        self.sequential = problem.level is not None
        self.normalise = normalisation(preprocessing, problem).to(device)
        self.x: Array | Tensor = _on_device(split.x, device) if _fits(split.x, device) else split.x
        self.y = torch.from_numpy(standardised(split.y, preprocessing)).to(device)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """x: (B, *input_shape) float32, or int64 tokens. y: (B,), (B, outputs), or (B, T) tokens. rows: indices, or a slice."""
        x = self.x[rows] if isinstance(self.x, Tensor) else torch.from_numpy(np.array(self.x[_numpy(rows)])).to(self.device)
        x = self.normalise(x)
        return self.ordered(x), self.y[rows]

    def ordered(self, x: Tensor) -> Tensor:
        """x in the memory format of the batches."""
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def in_order(self, process_group: ProcessGroup = SINGLE_PROCESS) -> Iterator[tuple[Tensor, Tensor]]:
        """All rows once, in batches for evaluation; sequential rows in the order of their streams.

        Each process of a process group takes one block, or all rows if they are sequential or too few.
        """
        if self.sequential:
            yield from (self.take(torch.from_numpy(rows).to(self.device)) for rows in evaluation_batches(len(self)))
            return
        size, block = (
            evaluation_batch(self.x.shape[1:]),
            process_group.shard(len(self)) if self.divides(process_group) else slice(0, len(self)),
        )
        for start in range(block.start, block.stop, size):
            yield self.take(slice(start, min(start + size, block.stop)))

    def divides(self, process_group: ProcessGroup) -> bool:
        """Whether `in_order` gives each process of the group its own block."""
        return not self.sequential and len(self) >= process_group.size


class Batches:
    """Training batches. Each epoch has its own order, which depends only on the training's seed and the epoch's number.

    An incomplete last batch is dropped; a split smaller than a batch is one batch. `among`: indices of the rows to use, by default
    all. Sequential rows are never shuffled: a batch is the next window of each of `batch_size` streams, and every epoch is the
    same. The processes of a `process_group` share each batch. Raises InputError if one of them would have no row.
    """

    def __init__(
        self,
        rows: Rows,
        batch_size: int,
        seed: int,
        augment: Augment,
        among: Array | None = None,
        process_group: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        self.rows, self.seed, self.augment = rows, seed, augment
        self.among = np.arange(len(rows)) if among is None else among
        self.batch_size = min(batch_size, len(self.among))
        self.part = process_group.shard(self.batch_size)
        self.per_epoch = len(self.among) // self.batch_size
        self._order = -1, torch.empty(0, dtype=torch.int64)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of epoch `number`, counted from 0."""
        for i in range(self.per_epoch):
            yield self.batch(number * self.per_epoch + i)

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Batch `number`, counted from 0 over all epochs."""
        epoch, i = divmod(number, self.per_epoch)
        x, y = self.rows.take(self._order_of(epoch)[i * self.batch_size : (i + 1) * self.batch_size][self.part])
        return self.rows.ordered(self.augment(x)), y

    def _order_of(self, epoch: int) -> Tensor:
        """(rows,): the order of one epoch, cached for its next batch."""
        if self._order[0] != epoch:
            self._order = epoch, torch.from_numpy(self._new_order(epoch)).to(self.rows.device)
        return self._order[1]

    def _new_order(self, epoch: int) -> Array:
        if self.rows.sequential:
            return stream_order(self.among, self.batch_size)
        order: Array = self.among[np.random.default_rng([self.seed, epoch]).permutation(len(self.among))]
        return order


def standardised(y: Array, preprocessing: Preprocessing) -> Array:
    """Targets for training: those of a regression with mean 0 and standard deviation 1, others unchanged."""
    if preprocessing.target_mean is None or preprocessing.target_std is None:
        return y
    scaled: Array = (y - np.array(preprocessing.target_mean)) / np.array(preprocessing.target_std)
    return scaled.astype(np.float32)


def _numpy(rows: Tensor | slice) -> Array | slice:
    return rows if isinstance(rows, slice) else rows.cpu().numpy()


def _on_device(x: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(x)).to(device)  # np.array: memory-mapped arrays are read-only


def _fits(x: Array, device: torch.device) -> bool:
    room = torch.cuda.mem_get_info(device)[0] // 3 if device.type == "cuda" else KEPT_BYTES
    return bool(x.nbytes <= room)
