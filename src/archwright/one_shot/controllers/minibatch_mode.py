"""The mode of a supernet for computing rewards: BatchNorm uses batch statistics, and dropout is off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from archwright.ops.drop_path import DropPath
from archwright.ops.variational_dropout import VariationalDropout

DROPOUTS = (nn.Dropout, DropPath, VariationalDropout)


@contextmanager
def minibatch_mode(supernet: nn.Module) -> Iterator[None]:
    """Training mode without dropout and without updates of the running statistics.

    Running statistics, gathered over all paths, would not fit any single one.
    """
    dropouts = [(module, module.training) for module in supernet.modules() if isinstance(module, DROPOUTS)]
    norms = [(module, module.momentum) for module in supernet.modules() if isinstance(module, _BatchNorm)]
    for drop, _ in dropouts:
        drop.eval()
    for norm, _ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for drop, mode in dropouts:
            drop.train(mode)
        for norm, momentum in norms:
            norm.momentum = momentum
