"""The supernet of a chain: stem, stages that mix operations, widths and depths, mean over positions, one linear layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.errors import InputError
from archwright.network.chain_description import Chain, ChainOptions, answers_of
from archwright.network.chain_network import ChainNetwork, stem
from archwright.network.edge_gates import OpenGates
from archwright.network.mixed_stage import MixedStage, WidthGates
from archwright.network.shared_weights import check_gates
from archwright.network.supernet import Choice, Edge, Mixture
from archwright.ops.channel_masks import first_channels, load_first_channels, without_scale
from archwright.ops.pooling import GlobalAveragePool


class ChainSupernet(nn.Module):
    """The weights of all chains of `options`, for inputs (B, *input_shape) and `outputs` outputs: see `Supernet`.

    Its edges are "stage0/operation", "stage0/width", "stage0/depth" and so on, for each question with more than one candidate.
    `describe` returns an architecture's chain and `compose` is its inverse.
    """

    def __init__(
        self,
        options: ChainOptions,
        input_shape: tuple[int, ...],
        outputs: int,
        *,
        describe: Callable[[Architecture], Chain],
        compose: Callable[[Chain], Architecture],
    ) -> None:
        super().__init__()
        self.options, self.input_shape, self.outputs = options, input_shape, outputs
        self.describe, self.compose = describe, compose
        edges = [Edge(name, texts, target=name) for name, texts in options.candidates.items() if len(texts) > 1]
        self.mixture = Mixture(tuple(edges), edges_kept={})
        dimensions, widest = len(input_shape) - 1, [place.widths[-1] for place in options.places]
        self.stem = stem(dimensions, input_shape[0], widest[0], options.stem_stride, options.activation)
        without_scale(self.stem)
        self.stages = nn.ModuleList(
            MixedStage(dimensions, before, place, options.activation)
            for before, place in zip([None, *widest], options.places, strict=False)
        )
        self.pool = GlobalAveragePool() if dimensions > 0 else nn.Identity()
        self.classifier = nn.Linear(widest[-1], outputs)

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        """x: (B, *input_shape). gates: (edges, most candidates). Returns (B, outputs).

        Raises ShapeError for gates of another shape, and InputError if all gates of an edge are zero.
        """
        check_gates(gates, self.mixture)
        opened = self._open(gates.to(self.classifier.weight.dtype))
        widths = [WidthGates(opened[f"stage{i}/width"]) for i in range(len(self.stages))]
        x = self._stem(x, widths[0])
        for i, stage in enumerate(self.stages):
            x = stage(x, opened[f"stage{i}/operation"], widths[i], opened[f"stage{i}/depth"])
        return first_channels(self.classifier, self.pool(x), self.outputs)

    def _open(self, gates: Tensor) -> dict[str, OpenGates]:
        """The open gates of each question; a single candidate has a fixed gate of 1."""
        opened = {name: OpenGates((0,), None) for name in self.options.candidates}
        for edge, row, values in zip(self.mixture.edges, gates, gates.detach().tolist(), strict=True):
            count = len(edge.candidates)
            opened[edge.name] = OpenGates.of(row[:count], values[:count], edge.name)
        return opened

    def _stem(self, x: Tensor, width: WidthGates) -> Tensor:
        layers = [self.stem] if len(self.input_shape) == 1 else self.stem
        for layer in layers:
            x = width.run(layer, x, self.options.places[0].widths)
        return x

    def gates_of(self, architecture: Architecture) -> Tensor:
        answers = answers_of(self.describe(architecture))
        return self.mixture.one_hot([(edge.name, answers[edge.name]) for edge in self.mixture.edges])

    def architecture_of(self, choice: Choice) -> Architecture:
        """Raises InputError unless `choice` has exactly one candidate for each edge, and no other entries."""
        known = {edge.name: edge.candidates for edge in self.mixture.edges}
        for name in [*known, *choice]:
            if choice.get(name) not in known.get(name, ()):
                raise InputError(
                    f"a choice for a chain needs exactly one candidate for each of {', '.join(known)}: {choice.get(name)!r} "
                    f"for {name!r} is not among {', '.join(known.get(name, ())) or 'them'}"
                )
        only = {name: texts[0] for name, texts in self.options.candidates.items()}
        return self.compose(self.options.chain({**only, **choice}))

    def extract(self, architecture: Architecture) -> nn.Module:
        chain = self.describe(architecture)
        with torch.device("meta"):  # draws no random numbers
            plain = ChainNetwork(chain, self.input_shape, self.outputs)
        load_first_channels(plain.stem, self.stem)
        for mixed, narrow, stage in zip(self.stages, plain.stages, chain.stages, strict=True):
            cast(MixedStage, mixed).fill(cast(nn.Sequential, narrow), stage)
        load_first_channels(plain.classifier, self.classifier)
        return plain.train(self.training)
