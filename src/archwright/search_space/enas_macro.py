"""The macro space of ENAS: whole networks of layers with skip connections (Pham et al. 2018, arXiv:1802.03268)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.architecture.architecture import Architecture
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph, graph_of_layers
from archwright.architecture.layer_features import layer_features
from archwright.architecture.layer_graph import Layer, LayerGraph, operation_question, skip_question
from archwright.architecture.question import Choose, Option, Question
from archwright.architecture.variation import questions_always_asked
from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.search_space.fit_reductions import fit_reductions
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_space.search_space import Published, SearchSpace
from archwright.settings import check_settings

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.enas_macro_supernet import EnasMacroSupernet

OPERATIONS = ("conv_3x3", "conv_5x5", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
WEIGHTS = {
    "conv_3x3": 10.0,
    "conv_5x5": 26.0,
    "sep_conv_3x3": 2.0,
    "sep_conv_5x5": 2.0,
    "avg_pool_3x3": 1.0,
    "max_pool_3x3": 1.0,
}
"""Parameters, in units of channels squared, including the 1x1 convolution before each operation."""
SMALLEST = "avg_pool_3x3"
REDUCTIONS = 2
"""As in the paper; used as long as the space has not been fitted to data."""


@dataclass(frozen=True)
class EnasMacro(SearchSpace):
    """The macro space of ENAS: each layer is one of six operations, with optional skip connections from all earlier layers.

    `filters`: channels of the first layers, doubled at each of the `reductions`, which divide the `layers` into equal parts.
    `dimensions`, and `reductions` if unset, follow from the data.
    Differs: the paper searches 12 layers of 36 filters. Random networks of 6 layers and 24 filters take about 0.16 s of one core
    for 128 images of 28 x 28, and after a minute were better than those of 12 layers and 16 filters (docs/spaces.md).
    """

    name: ClassVar[str] = "enas_macro"
    paper: ClassVar[str] = "pham2018"

    layers: int = 6
    filters: int = 24
    reductions: int | None = None
    dimensions: Literal[1, 2] | None = None

    def __post_init__(self) -> None:
        check_settings(self, "space 'enas_macro'", layers=(1, 100), filters=(1, 4096))
        check_settings(self, "space 'enas_macro'", reductions=(0, self.layers - 1))

    def decide(self, choose: Choose) -> LayerGraph:
        layers = tuple(self._decide_layer(k, choose) for k in range(1, self.layers + 1))
        reductions = min(REDUCTIONS, self.layers - 1) if self.reductions is None else self.reductions
        return LayerGraph(layers, reductions, self.filters)

    def _decide_layer(self, k: int, choose: Choose) -> Layer:
        operation = choose(operation_question(k), OPERATIONS)
        return Layer(operation, tuple(j for j in range(1, k) if choose(skip_question(k, j), (False, True))))

    def build(self, description: LayerGraph, problem: Problem) -> nn.Module:
        from archwright.network.enas_macro_network import EnasMacroNetwork

        graph = replace(description, reductions=self.for_problem(problem).reductions or 0)
        return EnasMacroNetwork(problem.input_shape, problem.outputs, graph)

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> EnasMacroSupernet:
        """Mixes each layer's operations, and each skip with its absence. Raises InputError for options that only cells have."""
        if partial_channels != 1 or auxiliary_skip:
            raise InputError(
                "space 'enas_macro' has neither partial channels nor auxiliary skips: use space 'cell', or a method without"
            )
        from archwright.network.enas_macro_supernet import EnasMacroSupernet

        space = self.for_problem(problem)
        return EnasMacroSupernet(
            problem.input_shape,
            problem.outputs,
            OPERATIONS,
            describe=space.describe,
            compose=space.architecture,
            layers=space.layers,
            reductions=space.reductions or 0,
            filters=space.filters,
        )

    def for_problem(self, problem: Problem) -> EnasMacro:
        """Sets `dimensions`, and `reductions` if unset: as many as in space `cell`, but fewer than layers."""
        self.check_task(problem)
        dimensions, reductions = fit_reductions(self.name, problem, self.dimensions, self.reductions, self.layers - 1)
        return replace(self, dimensions=dimensions, reductions=reductions)

    def skips(self) -> dict[str, Option]:
        return {skip_question(k, j): True for k in range(1, self.layers + 1) for j in range(1, k)}

    def questions(self) -> tuple[Question, ...]:
        return questions_always_asked(self.decide)

    def growth_order(self) -> GrowthOrder:
        """One layer per level, from the first on: later layers are average pooling without skips, earlier ones are the parent's."""
        return GrowthOrder(self, self.layers, self._fixed_answers)

    def _fixed_answers(self, level: int, parent: Architecture | None) -> list[dict[str, Option]]:
        behind = {name: answer for k in range(level + 1, self.layers + 1) for name, answer in _smallest(k).items()}
        before = [name for k in range(1, level) for name in _smallest(k)]
        return [{**behind, **({name: parent.answers[name] for name in before} if parent is not None else {})}]

    def count(self) -> int:
        return int(len(OPERATIONS) ** self.layers * 2 ** (self.layers * (self.layers - 1) // 2))

    def count_distinct(self) -> int:
        """All of them: layers have a fixed order, and every skip and operation affects the output."""
        return self.count()

    def published(self) -> Published:
        source = "Pham et al. 2018, arXiv:1802.03268, section 2.3: 1.6 x 10^29 for L = 12"
        return Published(self.count(), f"6^L x 2^(L (L - 1) / 2), L = {self.layers}", source)

    def features(self, architecture: Architecture) -> Features:
        return layer_features(self.describe(architecture), WEIGHTS)

    def graph(self, architecture: Architecture) -> LabelledGraph:
        return graph_of_layers(self.describe(architecture))


def _smallest(k: int) -> dict[str, Option]:
    """The questions about layer k, with the answers that make it as small as possible."""
    return {operation_question(k): SMALLEST, **{skip_question(k, j): False for j in range(1, k)}}
