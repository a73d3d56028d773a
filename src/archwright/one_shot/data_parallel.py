"""Several processes that train one supernet: each takes its own batches, and gradients and statistics are averaged.

With one process nothing happens here. Gates need no exchange: every process draws the same from the seed and the step's number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from archwright.data.raw_data import Array

Gradients = list[Tensor | None]
Differentiate = Callable[[Tensor, Sequence[Tensor]], Gradients]
"""(loss (), parameters) -> a gradient each, None where the loss does not depend on it."""


def averaged_gradients(fabric: Fabric) -> Differentiate:
    """Gradients of the mean loss over all processes: one exchange for all parameters together.

    What the loss depends on must be the same in every process.
    """

    def differentiate(loss: Tensor, parameters: Sequence[Tensor]) -> Gradients:
        gradients: Gradients = list(torch.autograd.grad(loss, parameters, allow_unused=True))
        average([gradient for gradient in gradients if gradient is not None], fabric)
        return gradients

    return differentiate


def equalise_statistics(network: nn.Module, fabric: Fabric) -> None:
    """Running means and variances become their average over the processes, in place."""
    average([buffer for buffer in network.buffers() if buffer.is_floating_point()], fabric)


def average(tensors: Sequence[Tensor], fabric: Fabric) -> None:
    """Each tensor becomes its mean over the processes, in place, by one exchange."""
    if fabric.world_size == 1 or not tensors:
        return
    flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    total = cast(Tensor, fabric.all_reduce(flat, reduce_op="sum"))
    parts = torch.split(total / fabric.world_size, [tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def own_share(rows: Array, fabric: Fabric, *, sequential: bool = False) -> Array:
    """Every process's rows: as many for each, no row twice; where they are sequential, neighbours. rows: (N,) indices."""
    count = len(rows) // fabric.world_size
    if sequential:
        return rows[fabric.global_rank * count :][:count]
    return rows[fabric.global_rank :: fabric.world_size][:count]
