"""The statistics that a batch normalisation keeps, for what computes normalisations without calling their modules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def running_statistics(norms: Sequence[Norm]) -> tuple[Tensor, Tensor]:
    """Running means and variances, (T, C) each."""
    means, variances, _ = _statistics(norms)
    return torch.stack(means), torch.stack(variances)


@torch.no_grad()
def update_statistics(norms: Sequence[Norm], means: Tensor, variances: Tensor, count: int) -> None:
    """Moves them as the modules do, towards the unbiased variance. means, variances: (T, C), of `count` positions.

    All normalisations have the momentum of the first. One call for all of them: there are many, and each is small.
    """
    running_means, running_variances, batches = _statistics(norms)
    unbiased = variances * (count / max(1, count - 1))
    momentum = norms[0].momentum
    if momentum is None:
        raise TypeError("a batch normalisation that averages over all batches: give it a momentum")
    torch._foreach_lerp_(running_means, means.unbind(), momentum)
    torch._foreach_lerp_(running_variances, unbiased.unbind(), momentum)
    torch._foreach_add_(batches, 1)


def _statistics(norms: Sequence[Norm]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Means, variances, numbers of batches."""
    found: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for norm in norms:
        own = norm._buffers  # many times quicker than by attribute, and there are hundreds
        for statistics, name in zip(found, ("running_mean", "running_var", "num_batches_tracked"), strict=True):
            statistic = own[name]
            if statistic is None:
                raise TypeError(f"{norm} keeps no running statistics: make it with track_running_stats=True")
            statistics.append(statistic)
    return found
