"""Stacked cells with two inputs and a few nodes: NASNet, PNAS, ENAS, DARTS (Zoph et al. 2018, arXiv:1707.07012)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.architecture.architecture import Architecture
from archwright.architecture.cell_features import cell_features, combined_features
from archwright.architecture.cell_graph import NONE, CellGraph, CellPair, Node, canonical_form
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph, graph_of_cells
from archwright.architecture.question import Choose, Option, Question
from archwright.architecture.variation import questions_always_asked
from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.search_space.fit_reductions import fit_reductions
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_space.search_space import ENUMERATION_LIMIT, Published, SearchSpace
from archwright.settings import check_settings

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.cell_supernet import CellSupernet

INPUTS = 2
OPERATIONS: dict[str, tuple[str, ...]] = {
    "nasnet": (
        "skip_connect",
        "conv_1x3_3x1",
        "conv_1x7_7x1",
        "dilated_conv_3x3",
        "avg_pool_3x3",
        "max_pool_3x3",
        "max_pool_5x5",
        "max_pool_7x7",
        "conv_1x1",
        "conv_3x3",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
    ),
    "darts": (
        NONE,
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    ),
    "pnas": (
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_1x7_7x1",
        "skip_connect",
        "avg_pool_3x3",
        "max_pool_3x3",
        "dilated_conv_3x3",
    ),
    "enas": ("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3"),
}
WEIGHTS = {
    "conv_1x1": 1.0,
    "conv_3x3": 9.0,
    "conv_1x3_3x1": 6.0,
    "conv_1x7_7x1": 14.0,
    "dilated_conv_3x3": 9.0,
    "sep_conv_3x3": 2.0,
    "sep_conv_5x5": 2.0,
    "sep_conv_7x7": 2.0,
    "dil_conv_3x3": 1.0,
    "dil_conv_5x5": 1.0,
}
"""Parameters, in units of channels squared; depthwise convolutions, proportional to the channels, are left out."""
SAME_IN_SERIES = {"conv_1x3_3x1": "conv_3x3"}
"""Operations that are identical along a single axis."""


@dataclass(frozen=True)
class Cell(SearchSpace):
    """Cell-based networks as in NASNet, PNAS, ENAS and DARTS; each node of a cell adds two operations on earlier states.

    A cell has `blocks` nodes, whose outputs are concatenated. `cells`: 2 for a normal and a reduction cell, 1 for one cell at both
    strides (PNAS). `inputs`: "any" two states, ordered and possibly equal (NASNet, PNAS, ENAS), or two "distinct" ones without
    the operation `none` (final cells of DARTS). A network has `repeats` normal cells per stage and `filters` channels in the first
    stage. `dimensions`, and `reductions` if unset, follow from the data. With `fewest_blocks`, the number of nodes is searched,
    too, from that to `blocks`.
    """

    name: ClassVar[str] = "cell"
    paper: ClassVar[tuple[str, ...]] = ("zoph2018", "liu2019")

    operations: Literal["nasnet", "darts", "pnas", "enas"] = "darts"
    cells: Literal[1, 2] = 2
    blocks: int = 4
    inputs: Literal["any", "distinct"] = "distinct"
    repeats: int = 1
    filters: int = 16
    reductions: int | None = None
    dimensions: Literal[1, 2] | None = None
    fewest_blocks: int | None = None

    def __post_init__(self) -> None:
        ranges = {"cells": (1, 2), "blocks": (1, 10), "repeats": (1, 100), "filters": (1, 4096), "reductions": (0, 10)}
        check_settings(self, "space 'cell'", **ranges, fewest_blocks=(1, self.blocks))

    def decide(self, choose: Choose) -> CellPair:
        blocks = choose("blocks", self._numbers_of_blocks) if self._asks_blocks else self.blocks
        normal = self._decide_cell("normal", blocks, choose)
        return CellPair(normal, self._decide_cell("reduction", blocks, choose) if self._asks_reduction else None)

    def _decide_cell(self, name: str, blocks: int, choose: Choose) -> CellGraph:
        nodes = []
        for block in range(blocks):
            sources = self._decide_inputs(f"{name}/{block}", INPUTS + block, choose)
            first, second = (choose(f"{name}/{block}/operation/{i}", self.operation_names) for i in range(2))
            nodes.append(Node(sources, (first, second)))
        return CellGraph(name, INPUTS, tuple(nodes))

    def _decide_inputs(self, block: str, states: int, choose: Choose) -> tuple[int, int]:
        if self.inputs == "any":
            return choose(f"{block}/input/0", range(states)), choose(f"{block}/input/1", range(states))
        first, second = choose(f"{block}/inputs", [f"{i},{j}" for i, j in combinations(range(states), 2)]).split(",")
        return int(first), int(second)

    @property
    def operation_names(self) -> tuple[str, ...]:
        """The candidate operations."""
        return tuple(op for op in OPERATIONS[self.operations] if self.inputs == "any" or op != NONE)

    @property
    def _numbers_of_blocks(self) -> range:
        return range(self.fewest_blocks or self.blocks, self.blocks + 1)

    @property
    def _asks_blocks(self) -> bool:
        return len(self._numbers_of_blocks) > 1

    @property
    def _asks_reduction(self) -> bool:
        return self.cells == 2 and self.reductions != 0

    def build(self, description: CellPair, problem: Problem) -> nn.Module:
        from archwright.network.cell_network import CellNetwork

        reductions = self.for_problem(problem).reductions or 0
        return CellNetwork(
            problem.input_shape,
            problem.outputs,
            description,
            reductions=reductions,
            repeats=self.repeats,
            filters=self.filters,
        )

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> CellSupernet:
        """All cells in one network. `partial_channels`: K of PC-DARTS. `auxiliary_skip`: the skip connection of DARTS-."""
        if self._asks_blocks:
            raise InputError("space 'cell' shares weights only among cells of the same size: leave out fewest_blocks")
        return self.supernet_of(self.compose, problem, partial_channels, auxiliary_skip)

    def supernet_of(
        self, compose: Callable[[CellPair], Architecture], problem: Problem, partial_channels: int, auxiliary_skip: bool
    ) -> CellSupernet:
        """The supernet of a space with these cells, whose architectures are made by `compose`."""
        from archwright.network.cell_supernet import NORMAL, REDUCTION, CellSupernet

        return CellSupernet(
            problem.input_shape,
            problem.outputs,
            OPERATIONS[self.operations],
            describe=self.describe,
            compose=compose,
            kinds=(NORMAL, REDUCTION) if self._asks_reduction else (NORMAL,),
            blocks=self.blocks,
            reductions=self.for_problem(problem).reductions or 0,
            repeats=self.repeats,
            filters=self.filters,
            partial_channels=partial_channels,
            auxiliary_skip=auxiliary_skip,
        )

    def compose(self, description: CellPair) -> Architecture:
        """The architecture with this description: the inverse of `describe`."""
        return self.architecture(self.answers(description))

    def answers(self, description: CellPair) -> dict[str, Option]:
        """The answers for which `decide` returns this description."""
        cells = [cell for cell in (description.normal, description.reduction) if cell is not None]
        size: dict[str, Option] = {"blocks": len(description.normal.nodes)} if self._asks_blocks else {}
        return {**size, **{name: answer for cell in cells for name, answer in self._answers(cell)}}

    def _answers(self, cell: CellGraph) -> Iterator[tuple[str, int | str]]:
        for block, node in enumerate(cell.nodes):
            if self.inputs == "any":
                yield from ((f"{cell.name}/{block}/input/{i}", state) for i, state in enumerate(node.inputs))
            else:
                yield f"{cell.name}/{block}/inputs", ",".join(map(str, node.inputs))
            yield from ((f"{cell.name}/{block}/operation/{i}", operation) for i, operation in enumerate(node.operations))

    def for_problem(self, problem: Problem) -> Cell:
        """Sets `dimensions`, and `reductions` if unset: until the smallest side is 8, at least two, as long as 4 remain."""
        self.check_task(problem)
        dimensions, reductions = fit_reductions(self.name, problem, self.dimensions, self.reductions)
        return replace(self, dimensions=dimensions, reductions=reductions)

    def questions(self) -> tuple[Question, ...]:
        """All that can be asked: the largest cell asks everything that smaller ones do."""
        size = (Question("blocks", tuple(self._numbers_of_blocks)),) if self._asks_blocks else ()
        return (*size, *questions_always_asked(replace(self, fewest_blocks=None).decide))

    def growth_order(self) -> GrowthOrder:
        """One more block at each level, starting from `fewest_blocks` or one; the parent's cell is kept."""
        space = replace(self, fewest_blocks=self.fewest_blocks or 1)
        return GrowthOrder(space, len(space._numbers_of_blocks), space._fixed_answers)

    def _fixed_answers(self, level: int, parent: Architecture | None) -> list[dict[str, Option]]:
        return [{**(parent.answers if parent is not None else {}), "blocks": self._numbers_of_blocks[level - 1]}]

    def count(self) -> int:
        cells = 2 if self._asks_reduction else 1
        return sum(int(self._count_cell(blocks) ** cells) for blocks in self._numbers_of_blocks)

    def _count_cell(self, blocks: int) -> int:
        """Per node: ordered or unordered pairs of states, times pairs of operations."""
        pairs = [n * n if self.inputs == "any" else math.comb(n, 2) for n in range(INPUTS, INPUTS + blocks)]
        return math.prod(pairs) * int(len(self.operation_names) ** (2 * blocks))

    def count_distinct(self) -> int | None:
        """For each number of blocks, the two cells are independent: the count of one cell, squared."""
        if self._count_cell(self.blocks) > ENUMERATION_LIMIT // 10:
            return None
        cells = 2 if self._asks_reduction else 1
        return sum(int(self._count_distinct_cells(blocks) ** cells) for blocks in self._numbers_of_blocks)

    def _count_distinct_cells(self, blocks: int) -> int:
        one_cell = replace(self, cells=1, blocks=blocks, fewest_blocks=None)
        return len({one_cell.canonical(architecture) for architecture in one_cell.enumerate()})

    def canonical(self, architecture: Architecture) -> str:
        """Both cells up to the order of their nodes and of the two edges into each node."""
        return json.dumps([canonical_form(cell) for cell in self._cells(architecture).values()])

    def features(self, architecture: Architecture) -> Features:
        cells = self._cells(architecture)
        return combined_features({name: cell_features(cell, self.blocks, WEIGHTS) for name, cell in cells.items()})

    def graph(self, architecture: Architecture) -> LabelledGraph:
        cells = self._cells(architecture)
        return graph_of_cells(cells, dict.fromkeys(cells, self.blocks))

    def _cells(self, architecture: Architecture) -> dict[str, CellGraph]:
        """The one or two cells of an architecture, by name."""
        pair = self.describe(architecture)
        return {cell.name: self._without_aliases(cell) for cell in (pair.normal, pair.reduction) if cell is not None}

    def _without_aliases(self, cell: CellGraph) -> CellGraph:
        if self.dimensions != 1:
            return cell
        nodes = [replace(node, operations=tuple(SAME_IN_SERIES.get(op, op) for op in node.operations)) for node in cell.nodes]
        return replace(cell, nodes=tuple(nodes))

    def published(self) -> Published | None:
        return _published(self)


def _published(space: Cell) -> Published | None:
    """The sizes given in the papers, by their formulas, as the text rounds."""
    blocks = space.blocks
    if space.fewest_blocks not in (None, blocks):
        return None
    match (space.operations, space.inputs, space.cells):
        case ("darts", "distinct", 2):
            value = math.prod(math.comb(n, 2) * 7**2 for n in range(2, 2 + blocks)) ** 2
            return Published(
                value, f"(prod_(k=1)^{blocks} k (k + 1) / 2 x 7^2)^2", "Liu et al. 2019, arXiv:1806.09055, appendix: 10^18"
            )
        case ("enas", "any", 2):
            value = (5 * math.factorial(blocks)) ** 4
            formula = f"(5 x (B - 2)!)^4, B = {blocks + 2} counts the two inputs"
            source = (
                "Pham et al. 2018, arXiv:1802.03268, section 2.4: 1.3 x 10^11 for B = 7; it counts the 5 operations once, not per "
                "node, and (B - 2)! choices of inputs instead of (B - 1)! for nodes 3 to B, which have 2 to B - 1 earlier nodes"
            )
            return Published(value, formula, source)
        case ("pnas", "any", 1):
            value = math.prod(n**2 * 8**2 for n in range(2, 2 + blocks))
            return Published(
                value,
                f"prod_(b=1)^{blocks} (b + 1)^2 x 8^2",
                "Liu et al. 2018, arXiv:1712.00559, section 3.1: 5.6 x 10^14 for B = 5",
            )
    return None
