"""The running statistics of batch normalisations, for code that normalises without calling their modules."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d


Rows = Sequence[tuple[int, int] | None]
"""The channels of each normalisation as half-open ranges; None for all."""


def running_statistics(norms: Sequence[Norm], rows: Rows) -> tuple[Tensor, Tensor]:
    """Running means and variances, (T, C) each; for channels outside `rows` they are 0 and 1."""
    means, variances, _ = _statistics(norms)
    found = torch.stack(means), torch.stack(variances)
    for t, own in enumerate(rows):
        if own is not None:
            others = [*range(own[0]), *range(own[1], found[0].shape[1])]
            found[0][t, others], found[1][t, others] = 0.0, 1.0
    return found


@torch.no_grad()
def update_statistics(norms: Sequence[Norm], means: Tensor, variances: Tensor, count: float, rows: Rows | None = None) -> None:
    """Updates them as the modules do, with the unbiased variance. means, variances: (T, C), over `count` positions.

    A normalisation that is split into several parts by `rows` counts a batch with its first part. All use the momentum of the
    first. One call for all of them, because there are many and each is small.
    """
    own = rows if rows is not None else [None] * len(norms)
    running_means, running_variances, batches = _statistics(norms)
    unbiased = variances * (count / max(1, count - 1))
    momentum = norms[0].momentum
    if momentum is None:
        raise TypeError("a batch normalisation with cumulative averages (momentum=None) is not supported: set a momentum")
    torch._foreach_lerp_(_of_rows(running_means, own), _of_rows(means.unbind(), own), momentum)
    torch._foreach_lerp_(_of_rows(running_variances, own), _of_rows(unbiased.unbind(), own), momentum)
    torch._foreach_add_([batch for batch, part in zip(batches, own, strict=True) if part is None or part[0] == 0], 1)


@torch.no_grad()
def move_statistics(norm: Norm, mean: Tensor, variance: Tensor, count: int) -> None:
    """`update_statistics` for one normalisation, with less overhead. mean, variance: (C,)."""
    (running_mean,), (running_variance,), (batches,) = _statistics([norm])
    if norm.momentum is None:
        raise TypeError("a batch normalisation with cumulative averages (momentum=None) is not supported: set a momentum")
    running_mean.lerp_(mean, norm.momentum)
    running_variance.lerp_(variance * (count / max(1, count - 1)), norm.momentum)
    batches.add_(1)


def _of_rows(statistics: Sequence[Tensor], rows: Rows) -> list[Tensor]:
    return [x if own is None else x[slice(*own)] for x, own in zip(statistics, rows, strict=True)]


def _statistics(norms: Sequence[Norm]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Running means, variances, and numbers of batches."""
    found: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for norm in norms:
        own = norm._buffers  # many times faster than attribute access, and there are hundreds
        for statistics, name in zip(found, ("running_mean", "running_var", "num_batches_tracked"), strict=True):
            statistic = own[name]
            if statistic is None:
                raise TypeError(f"{norm} has no running statistics: create it with track_running_stats=True")
            statistics.append(statistic)
    return found
