"""A chain of stages: the practical default for small data sets of flat features, series or images.

Each stage except the first halves the resolution, and each repeats one operation, as in He et al. 2016 (arXiv:1512.03385), but with
searched settings. The operations are VGG's pair of convolutions, MobileNet's separable pair, ResNet's bottleneck and MobileNetV2's
inverted bottleneck; the connections are plain, residual or, as in DenseNet, dense.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2, prod
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeVar, cast

from archwright.architecture.architecture import Architecture, answers_as_text
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph, graph_of_chain
from archwright.architecture.question import Choose, Option, Question
from archwright.architecture.variation import ask, enumerate_answers, replay
from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownSetting
from archwright.network import chain_description as network
from archwright.network.reduction_count import fitting_halvings, stem_stride_for
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_space.search_space import SearchSpace

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.supernet import Supernet

Choice = TypeVar("Choice", int, str)

OPERATIONS = ("conv", "separable", "bottleneck", "mbconv")
WITH_KERNEL = ("conv", "separable", "mbconv")
CONNECTIVITIES = ("plain", "residual", "dense")
POOLINGS = ("stride", "max", "average")
ACTIVATIONS = ("relu", "silu", "gelu")
KERNELS = (3, 5)
EXPANSIONS = (2, 4)
MOST_STAGES = 3
FLAT_STAGES = 2
FIXED_UNDER_SHARING = {"pooling": "stride", "connectivity": "residual", "activation": "relu"}
"""What a supernet cannot mix, with the value to fix it to."""
BASE_WIDTH = {0: 128, 1: 32, 2: 16}
"""The base width for flat features, series and images, by dimensions; most networks for 28x28 pixels cost 3 to 25 million MACs."""


@dataclass(frozen=True)
class Chain(SearchSpace):
    """A chain of stages of repeated blocks, for flat features, series and images; operation, width and depth are searched.

    A setting "any" leaves the choice to the search; another value fixes it in every stage. `dimensions` (0 flat features, 1 series,
    2 images), `stages`, `width` and `stem_stride` are set from the data if they are None. `width`: the middle option of the first
    stage. `most_blocks`: the largest depth of a stage.
    """

    name: ClassVar[str] = "chain"
    paper: ClassVar[str] = "he2016"

    dimensions: Literal[None, 0, 1, 2] = None
    stages: int | None = None
    width: int | None = None
    stem_stride: int | None = None
    most_blocks: int = 3
    operation: Literal["any", "conv", "separable", "bottleneck", "mbconv"] = "any"
    connectivity: Literal["any", "plain", "residual", "dense"] = "any"
    pooling: Literal["any", "stride", "max", "average"] = "any"
    activation: Literal["any", "relu", "silu", "gelu"] = "any"
    kernel: Literal["any", 3, 5] = "any"
    expansion: Literal["any", 2, 4] = "any"

    def __post_init__(self) -> None:
        for field, least in (("stages", 1), ("width", 4), ("stem_stride", 1), ("most_blocks", 1)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise UnknownSetting(f"space 'chain', setting {field!r}: {value} is too small: give {least} or more")
        if self.stem_stride is not None and self.stem_stride.bit_count() != 1:
            raise UnknownSetting(
                f"space 'chain', setting 'stem_stride': {self.stem_stride} is not a power of two: give 1, 2, 4, ..."
            )

    def decide(self, choose: Choose) -> network.Chain:
        activation = choose("activation", _options(self.activation, ACTIVATIONS))
        stages = tuple(self._stage(i, choose) for i in range(self._stages))
        return network.Chain(stages, cast(network.Activation, activation), self.stem_stride or 1)

    def _stage(self, i: int, choose: Choose) -> network.ChainStage:
        depth = choose(f"stage{i}/depth", self._depths)
        width = choose(f"stage{i}/width", self._widths(i))
        connectivity = choose(f"stage{i}/connectivity", _options(self.connectivity, CONNECTIVITIES))
        stage = network.ChainStage(depth, width, "linear", cast(network.Connectivity, connectivity))
        if self._dimensions == 0:
            return stage
        operation = choose(f"stage{i}/operation", _options(self.operation, OPERATIONS))
        return dataclasses.replace(
            stage,
            operation=cast(network.Operation, operation),
            kernel=choose(f"stage{i}/kernel", _options(self.kernel, KERNELS)) if operation in WITH_KERNEL else None,
            expansion=choose(f"stage{i}/expansion", _options(self.expansion, EXPANSIONS)) if operation == "mbconv" else None,
            pooling=cast(network.Pooling, choose(f"stage{i}/pooling", _options(self.pooling, POOLINGS))) if i > 0 else None,
        )

    def build(self, description: network.Chain, problem: Problem) -> nn.Module:
        from archwright.network.chain_network import ChainNetwork

        return ChainNetwork(description, problem.input_shape, problem.outputs)

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> Supernet:
        """Mixes operation (with kernel and expansion), width and depth of each stage.

        Raises InputError if pooling, connectivity or activation is left to the search, and for options that only cells have.
        """
        space = self.for_problem(problem)
        space._check_shareable(partial_channels, auxiliary_skip)
        from archwright.network.chain_supernet import ChainSupernet

        stage_options = tuple(network.ChainStageOptions.of(space._all_stages(i)) for i in range(space._stages))
        options = network.ChainOptions(stage_options, cast(network.Activation, space.activation), space.stem_stride or 1)
        return ChainSupernet(options, problem.input_shape, problem.outputs, describe=space.describe, compose=space.compose)

    def _check_shareable(self, partial_channels: int, auxiliary_skip: bool) -> None:
        if partial_channels != 1 or auxiliary_skip:
            raise InputError(
                "space 'chain' has neither partial channels nor auxiliary skips: use space 'cell', or a method without"
            )
        asked = {question.name.rpartition("/")[2] for question in self.questions() if len(question.options) > 1}
        searched = [name for name in FIXED_UNDER_SHARING if name in asked]
        if searched:
            remedies = " ".join(f"--set space.{name}={FIXED_UNDER_SHARING[name]}" for name in searched)
            raise InputError(
                f"space 'chain' shares weights only among operations, kernels, widths and depths: fix {', '.join(searched)}, "
                f"for example by {remedies}"
            )

    def _all_stages(self, i: int) -> list[network.ChainStage]:
        def decide(choose: Choose) -> network.ChainStage:
            return self._stage(i, choose)

        return [replay(decide, answers) for answers in enumerate_answers(decide)]

    def compose(self, chain: network.Chain) -> Architecture:
        """The architecture of a chain, the inverse of `describe`: each question is named after the field that it decides."""

        def answer(question: Question) -> Option:
            number = _stage_number(question.name)
            part = chain.stages[number] if number >= 0 else chain
            return cast(Option, getattr(part, question.name.rpartition("/")[2]))

        return self.architecture(ask(self.decide, answer)[1])

    def for_problem(self, problem: Problem) -> Self:
        """Sets dimensions, stem stride, stages and width for this input. Raises InputError if a setting does not fit it."""
        self.check_task(problem)
        if problem.dimensions > 2:
            raise InputError(
                f"space 'chain' does not take inputs of shape {problem.input_shape}: "
                "give flat features (F,), series (C, L) or images (C, H, W)"
            )
        if self.dimensions not in (None, problem.dimensions):
            raise InputError(
                f"space 'chain': dimensions={self.dimensions} does not fit inputs of shape {problem.input_shape}: "
                f"leave it out, or give dimensions={problem.dimensions}"
            )
        stem_stride, stages = _reductions(problem.input_shape, self.stem_stride, self.stages)
        return dataclasses.replace(
            self,
            dimensions=cast(Literal[0, 1, 2], problem.dimensions),
            width=self.width or BASE_WIDTH[problem.dimensions],
            stages=stages,
            stem_stride=stem_stride,
        )

    def canonical(self, architecture: Architecture) -> str:
        """For flat features, the transition to a stage is a plain layer, so where a stage starts may make no difference."""
        if self._dimensions > 0:
            return answers_as_text(architecture.answers)
        chain: network.Chain = self.describe(architecture)
        return repr((chain.activation, list(_flat_layers(chain.stages))))

    def features(self, architecture: Architecture) -> Features:
        """For flat features, those of the layers, since where a stage starts may make no difference."""
        if self._dimensions > 0:
            return super().features(architecture)
        chain: network.Chain = self.describe(architecture)
        layers = list(_flat_layers(chain.stages))
        counts = Counter(f"{kind} {width} x {depth}" for kind, width, depth in layers)
        positions = {f"layer {i}: {kind} {width} x {depth}": 1.0 for i, (kind, width, depth) in enumerate(layers)}
        sizes = {"depth": sum(depth for *_, depth in layers), "widths": sum(depth * log2(width) for _, width, depth in layers)}
        return Features({chain.activation: 1.0, **counts, **positions}, sizes)

    def graph(self, architecture: Architecture) -> LabelledGraph:
        """For flat features, a node for each layer, as in `features`."""
        if self._dimensions > 0:
            return super().graph(architecture)
        chain: network.Chain = self.describe(architecture)
        layers = [f"{kind} {width} x {depth}" for kind, width, depth in _flat_layers(chain.stages)]
        return graph_of_chain([chain.activation, *layers])

    def questions(self) -> tuple[Question, ...]:
        """All that can be asked: the last operation, MBConv, asks everything that the others do."""
        asked: list[Question] = []

        def last(question: Question) -> Option:
            asked.append(question)
            return question.options[-1]

        ask(self.decide, last)
        return tuple(asked)

    def growth_order(self) -> GrowthOrder:
        """One stage per level, from the first on: later stages are as small as possible, earlier ones as in the parent."""
        return GrowthOrder(self, self._stages, self._fixed_answers)

    def _fixed_answers(self, level: int, parent: Architecture | None) -> list[dict[str, Option]]:
        smallest = {question.name: question.options[0] for question in self.questions() if _stage_number(question.name) >= level}
        before = parent.answers.items() if parent is not None else ()
        return [{**smallest, **{name: answer for name, answer in before if _stage_number(name) < level - 1}}]

    def count(self) -> int:
        """Activations, times per stage depths x widths x connectivities x poolings x variants of the operations."""
        return len(_options(self.activation, ACTIVATIONS)) * prod(self._stage_count(i) for i in range(self._stages))

    def _stage_count(self, i: int) -> int:
        shape = len(self._depths) * len(self._widths(i)) * len(_options(self.connectivity, CONNECTIVITIES))
        if self._dimensions == 0:
            return shape
        poolings = len(_options(self.pooling, POOLINGS)) if i > 0 else 1
        return shape * poolings * sum(self._operation_count(operation) for operation in _options(self.operation, OPERATIONS))

    def _operation_count(self, operation: str) -> int:
        kernels = len(_options(self.kernel, KERNELS)) if operation in WITH_KERNEL else 1
        return kernels * (len(_options(self.expansion, EXPANSIONS)) if operation == "mbconv" else 1)

    @property
    def _dimensions(self) -> int:
        return 2 if self.dimensions is None else self.dimensions

    @property
    def _stages(self) -> int:
        return self.stages or (MOST_STAGES if self._dimensions > 0 else FLAT_STAGES)

    @property
    def _depths(self) -> tuple[int, ...]:
        return tuple(range(1, self.most_blocks + 1))

    def _widths(self, i: int) -> tuple[int, ...]:
        """Three widths around the base, which doubles from stage to stage where the resolution halves."""
        base = self.width or BASE_WIDTH[self._dimensions]
        if self._dimensions == 0:
            return (base // 2, base, base * 2)
        return (base * 2**i * 3 // 4, base * 2**i, base * 2**i * 3 // 2)


def _stage_number(name: str) -> int:
    """The number of the stage that a question is about; -1 for the whole chain."""
    stage, _, _ = name.rpartition("/")
    return int(stage.removeprefix("stage")) if stage else -1


def _flat_layers(stages: Sequence[network.ChainStage]) -> Iterator[tuple[str, int, int]]:
    """Kind, width and number of layers after the stem; a dense stage, which ends with its own compression, counts as one."""
    for i, stage in enumerate(stages):
        if i > 0:
            yield "plain", stage.width, 1
        if stage.connectivity == "dense":
            yield "dense", stage.width, stage.depth
        else:
            yield from [(stage.connectivity, stage.width, 1)] * stage.depth


def _reductions(input_shape: tuple[int, ...], stem_stride: int | None, stages: int | None) -> tuple[int, int]:
    """Stem stride and number of stages for an input. Raises InputError if fewer stages fit than were asked for."""
    if len(input_shape) == 1:
        return 1, stages or FLAT_STAGES
    stride = stem_stride or stem_stride_for(input_shape)
    fitting = 1 + fitting_halvings(input_shape, stride)
    if stages is not None and stages > fitting:
        raise InputError(
            f"space 'chain': {stages} stages do not fit inputs of shape {input_shape} after a stem of stride {stride}: "
            f"give stages={fitting} or fewer"
        )
    return stride, stages or min(fitting, MOST_STAGES)


def _options(setting: Choice | Literal["any"], known: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """What the search may choose from: all known options, or the one value that the setting fixes."""
    return tuple(option for option in known if setting in ("any", option))
