"""The gates of a recurrent supernet in one pass: which edges are computed, and their contributions to nodes and output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archwright.architecture.recurrent_cell import INPUT
from archwright.errors import InputError

Pairs = Sequence[tuple[int, int]]
"""(source, target) of each edge; the targets are numbered from 1, and every source is below its target."""


@dataclass(frozen=True)
class OpenReaders:
    """The targets that read one source, and the `shares` (readers, candidates) of their edges in all gates into the target."""

    targets: tuple[int, ...]
    shares: Tensor


def gate_shares(pairs: Pairs, gates: Tensor) -> Tensor:
    """Gates divided by the sum of all gates into the same target, (edges, candidates). A gate of exactly zero gets no gradient.

    Raises InputError if all gates into a target are zero.
    """
    open_gates = gates * (gates != 0)
    targets = torch.tensor([target - 1 for _, target in pairs], device=gates.device)
    sums = open_gates.new_zeros(pairs[-1][1]).index_add(0, targets, open_gates.sum(dim=1))
    closed = [number for number, value in enumerate(sums.tolist(), start=1) if value == 0.0]
    if closed:
        raise InputError(f"all gates into node {closed[0]} are zero: at least one of its edges needs a nonzero gate")
    return open_gates / sums[targets, None]


def open_readers(pairs: Pairs, shares: Tensor) -> dict[int, OpenReaders]:
    """For each source, in ascending order, the edges with a nonzero share. shares: (edges, candidates)."""
    found = (shares != 0).any(dim=1).tolist()
    rows: dict[int, list[int]] = {}
    for row, (source, _) in sorted(enumerate(pairs), key=lambda edge: edge[1]):
        if found[row]:
            rows.setdefault(source, []).append(row)
    return {source: OpenReaders(tuple(pairs[row][1] for row in own), shares[own]) for source, own in rows.items()}


def loose_shares(pairs: Pairs, shares: Tensor) -> Tensor:
    """The weight of each node in the output when loose ends are averaged, (nodes,), summing to 1.

    The degree to which a node is a loose end is the product of 1 - strength over its outgoing edges: under one-hot gates, 1 for
    loose ends and 0 for other nodes. Differs: ENAS has no mixtures, and DARTS averages all nodes.
    """
    free = 1 - shares.sum(dim=1)
    leaving = [[row for row, (source, _) in enumerate(pairs) if source == node] for node in range(INPUT + 1, pairs[-1][1] + 1)]
    loose = torch.stack([free[rows].prod() for rows in leaving])
    return loose / loose.sum()
