"""One stage of a chain supernet: operations, widths and depths, each mixed by its own gates.

With x the stage's input after its transition,

    state_0 = x,    state_(d+1) = sum_o operation[o] * block_(d,o)(state_d),    output = sum_k depth[k] * state_(depths[k]),

with blocks mixed as in FBNet (Wu et al. 2019, arXiv:1812.03443), and channel masks for the widths (`ops/channel_masks.py`). The
gate of an operation applies to all blocks of the stage, since the space asks for one operation per stage; each block has separate
weights for each operation. In a dense stage, a state is the concatenation of everything so far, and each depth ends in its own
compression, since their inputs and therefore their statistics differ. Whatever no open gate needs is not computed.

All batch normalisations are without scale and shift, as in DARTS (Liu et al. 2019, arXiv:1806.09055, appendix A.1.1), since a scale
could undo a gate; this includes all layers, because the width of a stage masks every layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from archwright.network.chain_description import ChainStage, ChainStageOptions, operation_name
from archwright.network.chain_network import Block, DenseBlocks, compression, dense_width, growth, transition
from archwright.network.edge_gates import OpenGates
from archwright.ops.channel_masks import channel_mask, channels_of, first_channels, load_first_channels, without_scale


class WidthGates:
    """The gates of a stage's widths in one pass, and the resulting channel masks."""

    def __init__(self, gates: OpenGates) -> None:
        self.widest = gates.numbers[-1]
        self._gates = gates
        self._masks: dict[tuple[int, ...], Tensor] = {}

    def run(self, layer: nn.Module, x: Tensor, counts: tuple[int, ...], reads: Tensor | None = None) -> Tensor:
        """x through a layer that has `counts` channels at each width: (B, counts[widest], ...)."""
        return first_channels(layer, x, counts[self.widest], mask=self._mask(counts), reads=reads)

    def _mask(self, counts: tuple[int, ...]) -> Tensor | None:
        if self._gates.weights is None:
            return None
        if counts not in self._masks:
            self._masks[counts] = channel_mask(self._gates.weights, [counts[number] for number in self._gates.numbers])
        return self._masks[counts]


class MixedStage(nn.Module):
    """One position of the chain: (B, channels before, ...) -> (B, channels of the widest open width, ...).

    `before`: the largest width of the previous stage; None for the first stage, which has no transition.
    """

    def __init__(self, dimensions: int, before: int | None, options: ChainStageOptions, activation: str) -> None:
        super().__init__()
        self.options, largest = options, options.largest
        self.is_dense = largest.connectivity == "dense"
        self.transition = None if before is None else transition(dimensions, before, largest, activation=activation)
        self.blocks = nn.ModuleList(
            MaskedBlock(dimensions, options, name, activation, number)
            for number in range(largest.depth)
            for name in options.operations
        )
        self.compressions = nn.ModuleList(
            compression(dimensions, replace(largest, depth=depth), activation=activation)
            for depth in options.depths
            if self.is_dense
        )
        without_scale(self)

    def forward(self, x: Tensor, operation: OpenGates, width: WidthGates, depth: OpenGates) -> Tensor:
        if self.transition is not None:
            x = width.run(self.transition, x, self.options.widths)
        ends, wanted = [], {self.options.depths[k]: k for k in depth.numbers}
        for number in range(max(wanted)):
            x = self._next_state(x, number, operation, width)
            if number + 1 in wanted:
                ends.append(self._end(x, wanted[number + 1], width))
        return depth.mix(ends)

    def _next_state(self, x: Tensor, number: int, operation: OpenGates, width: WidthGates) -> Tensor:
        reads = self._reads(number, self.options.widths[width.widest], x.device)
        blocks = self._blocks(number)
        y = operation.mix([blocks[o](x, width, reads) for o in operation.numbers])
        return torch.cat([x, y], dim=1) if self.is_dense else y

    def _end(self, x: Tensor, k: int, width: WidthGates) -> Tensor:
        if not self.is_dense:
            return x
        reads = self._reads(self.options.depths[k], self.options.widths[width.widest], x.device)
        return width.run(self.compressions[k], x, self.options.widths, reads)

    def _blocks(self, number: int) -> list[MaskedBlock]:
        """Block `number` of each operation."""
        count = len(self.options.operations)
        return cast(list[MaskedBlock], list(self.blocks)[number * count : (number + 1) * count])

    def _reads(self, blocks: int, width: int, device: torch.device) -> Tensor | None:
        """The indices of a narrower dense stage's channels among those of the largest one, after `blocks` blocks."""
        if not self.is_dense or width == self.options.widths[-1]:
            return None
        largest, narrow = self.options.largest, replace(self.options.largest, width=width)
        sizes = [narrow.width, *[growth(narrow)] * blocks]
        starts = [0, *(dense_width(largest, block) for block in range(blocks))]
        return torch.cat([torch.arange(start, start + size, device=device) for start, size in zip(starts, sizes, strict=True)])

    def fill(self, plain: nn.Sequential, stage: ChainStage) -> None:
        """Copies the weights of `stage` into `plain`, its module (transition and body)."""
        before, body = plain
        if self.transition is not None:
            load_first_channels(before, self.transition)
        operation, device = list(self.options.operations).index(operation_name(stage)), next(self.parameters()).device
        for number, block in enumerate(_plain_blocks(body)):
            self._blocks(number)[operation].fill(block, self._reads(number, stage.width, device))
        if isinstance(body, DenseBlocks):
            largest = self.compressions[self.options.depths.index(stage.depth)]
            load_first_channels(body.compress, largest, reads=self._reads(stage.depth, stage.width, device))


def _plain_blocks(body: nn.Module) -> Iterator[Block]:
    return (module for module in body.modules() if isinstance(module, Block))


class MaskedBlock(nn.Module):
    """Block `number` of one operation, at the largest width; it can be used at any width."""

    def __init__(self, dimensions: int, options: ChainStageOptions, operation: str, activation: str, number: int) -> None:
        super().__init__()
        stage = options.operations[operation]
        self.block = Block(dimensions, stage, activation, number)
        with torch.device("meta"):
            narrow = [Block(dimensions, replace(stage, width=width), activation, number) for width in options.widths]
        self.counts = list(zip(*([channels_of(layer) for layer in block.layers] for block in narrow), strict=True))

    def forward(self, x: Tensor, width: WidthGates, reads: Tensor | None) -> Tensor:
        """x: (B, inputs of the widest open width, ...); `reads`: the indices of these inputs. Returns (B, its outputs, ...)."""
        y = x
        for i, (layer, counts) in enumerate(zip(self.block.layers, self.counts, strict=True)):
            y = width.run(layer, y, counts, reads if i == 0 else None)
        return self.block.join(x, y)

    def fill(self, plain: Block, reads: Tensor | None) -> None:
        """Copies the weights into a narrower block."""
        for i, (narrow, layer) in enumerate(zip(plain.layers, self.block.layers, strict=True)):
            load_first_channels(narrow, layer, reads=reads if i == 0 else None)
