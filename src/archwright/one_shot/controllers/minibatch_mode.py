"""A supernet's mode for the rewards of a controller: batches normalise themselves, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from archwright.ops.drop_path import DropPath
from archwright.ops.variational_dropout import VariationalDropout

DROPS = (nn.Dropout, DropPath, VariationalDropout)


@contextmanager
def minibatch_mode(supernet: nn.Module) -> Iterator[None]:
    """Inside, it is as in training, but for its dropouts; running statistics stay as they were.

    They were gathered over all paths, and would fit no single one.
    """
    drops = [(module, module.training) for module in supernet.modules() if isinstance(module, DROPS)]
    norms = [(module, module.momentum) for module in supernet.modules() if isinstance(module, _BatchNorm)]
    for drop, _ in drops:
        drop.eval()
    for norm, _ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for drop, mode in drops:
            drop.train(mode)
        for norm, momentum in norms:
            norm.momentum = momentum
