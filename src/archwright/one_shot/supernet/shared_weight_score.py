"""What a supernet is worth under given gates: with its shared weights, nothing trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from archwright.ops.carried_state import own_stream
from archwright.ops.global_batch_norm import own_statistics


class UnderGates(nn.Module):
    """The supernet as a network of one input: x (B, *input_shape) -> (B, outputs) under fixed gates."""

    def __init__(self, supernet: nn.Module, gates: Tensor) -> None:
        super().__init__()
        self.supernet = supernet
        self.gates = gates

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.supernet(x, self.gates)
        return output


class SharedWeightScore:
    """Validation metrics of a supernet under gates, by default with BatchNorm statistics of their own.

    Statistics that were gathered over all paths fit none of them, so they are computed anew on `calibration` (batches of training
    inputs, (B, *input_shape) each) as in Guo et al. 2020, arXiv:1904.00420, section 3.3; afterwards everything is put back.
    """

    def __init__(
        self, supernet: nn.Module, calibration: Sequence[Tensor], validate: Callable[[nn.Module], Mapping[str, float]]
    ) -> None:
        self.supernet, self.calibration, self.validate = supernet, calibration, validate

    def __call__(self, gates: Tensor, *, recalibrate: bool = True) -> Mapping[str, float]:
        """The validation metrics. gates: (edges, most candidates)."""
        network = UnderGates(self.supernet, gates)
        norms = [module for module in self.supernet.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
        with _as_before(self.supernet, norms), own_stream(self.supernet):
            if recalibrate and norms:
                self._recalibrate(network, norms)
            return self.validate(network)

    @torch.no_grad()
    def _recalibrate(self, network: nn.Module, norms: Sequence[_BatchNorm]) -> None:
        """Running statistics become the plain mean over the calibration batches, which every process has whole."""
        network.train()
        with own_statistics(network):
            for number, x in enumerate(self.calibration):
                for norm in norms:
                    norm.momentum = 1.0 / (number + 1)
                network(x)


@contextmanager
def _as_before(supernet: nn.Module, norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Mode, statistics and momenta are put back in the end."""
    training, momenta = supernet.training, [norm.momentum for norm in norms]
    kept = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
    try:
        yield
    finally:
        supernet.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for buffer, before in kept:
            buffer.copy_(before)
