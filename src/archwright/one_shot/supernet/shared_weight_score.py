"""Shared-weight scores: how a supernet performs under given gates, without any training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from archwright.ops.carried_state import separate_stream
from archwright.ops.global_batch_norm import own_statistics


class FixedGateSupernet(nn.Module):
    """The supernet as a network under fixed gates: x (B, *input_shape) -> (B, outputs)."""

    def __init__(self, supernet: nn.Module, gates: Tensor) -> None:
        super().__init__()
        self.supernet = supernet
        self.gates = gates

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.supernet(x, self.gates)
        return output


class SharedWeightScore:
    """Validation metrics of a supernet under given gates, by default with recalibrated BatchNorm statistics.

    Statistics gathered over all paths do not fit any single one, so they are recomputed on `calibration` (batches of training
    inputs, (B, *input_shape) each) as in Guo et al. 2020, arXiv:1904.00420, section 3.3; afterwards everything is restored.
    """

    def __init__(
        self, supernet: nn.Module, calibration: Sequence[Tensor], validate: Callable[[nn.Module], Mapping[str, float]]
    ) -> None:
        self.supernet, self.calibration, self.validate = supernet, calibration, validate

    def __call__(self, gates: Tensor, *, recalibrate: bool = True) -> Mapping[str, float]:
        """The validation metrics. gates: (edges, most candidates)."""
        network = FixedGateSupernet(self.supernet, gates)
        norms = [module for module in self.supernet.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
        with _restored(self.supernet, norms), separate_stream(self.supernet):
            if recalibrate and norms:
                self._recalibrate(network, norms)
            return self.validate(network)

    @torch.no_grad()
    def _recalibrate(self, network: nn.Module, norms: Sequence[_BatchNorm]) -> None:
        """Sets the running statistics to the mean over the calibration batches, which every process has in full."""
        network.train()
        with own_statistics(network):
            for number, x in enumerate(self.calibration):
                for norm in norms:
                    norm.momentum = 1.0 / (number + 1)
                network(x)


@contextmanager
def _restored(supernet: nn.Module, norms: Sequence[_BatchNorm]) -> Iterator[None]:
    """Restores mode, statistics and momenta at the end."""
    training, momenta = supernet.training, [norm.momentum for norm in norms]
    buffers = [(buffer, buffer.clone()) for norm in norms for buffer in norm.buffers()]
    try:
        yield
    finally:
        supernet.train(training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for buffer, before in buffers:
            buffer.copy_(before)
