"""A supernet's mode for the rewards of a controller: batches normalise themselves, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from archwright.ops.drop_path import DropPath
from archwright.ops.variational_dropout import VariationalDropout

DROPS = (nn.Dropout, DropPath, VariationalDropout)


@contextmanager
def minibatch_mode(supernet: nn.Module) -> Iterator[None]:
    """Inside, it is trained but for its dropouts; running statistics, gathered over all paths, would fit no single one."""
    drops = [module for module in supernet.modules() if isinstance(module, DROPS)]
    modes = [module.training for module in drops]
    for module in drops:
        module.eval()
    try:
        yield
    finally:
        for module, mode in zip(drops, modes, strict=True):
            module.train(mode)
