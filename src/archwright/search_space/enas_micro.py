"""The micro space of ENAS: its cells (Pham et al. 2018, arXiv:1802.03268, section 2.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from archwright.architecture.architecture import Architecture
from archwright.architecture.cell_graph import CellPair
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph
from archwright.architecture.question import Choose, Question
from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.search_space.cell import INPUTS, Cell
from archwright.search_space.fit_reductions import fit_reductions
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_space.search_space import Published, SearchSpace
from archwright.settings import check_settings

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.cell_supernet import CellSupernet


@dataclass(frozen=True)
class EnasMicro(SearchSpace):
    """The micro space of ENAS: space `cell` with its five operations; `nodes` (B in the paper) counts the two inputs.

    A network has a normal and a reduction cell. The other settings are those of space `cell`; `fewest_nodes` counts like `nodes`.
    """

    name: ClassVar[str] = "enas_micro"
    paper: ClassVar[str] = "pham2018"

    nodes: int = 7
    inputs: Literal["any", "distinct"] = "any"
    repeats: int = 1
    filters: int = 16
    reductions: int | None = None
    dimensions: Literal[1, 2] | None = None
    fewest_nodes: int | None = None

    def __post_init__(self) -> None:
        ranges = {"nodes": (3, 12), "repeats": (1, 100), "filters": (1, 4096), "reductions": (0, 10)}
        check_settings(self, "space 'enas_micro'", **ranges)
        check_settings(self, "space 'enas_micro'", fewest_nodes=(3, self.nodes))

    @property
    def cell(self) -> Cell:
        """The equivalent space `cell`."""
        return Cell(
            operations="enas",
            blocks=self.nodes - INPUTS,
            inputs=self.inputs,
            repeats=self.repeats,
            filters=self.filters,
            reductions=self.reductions,
            dimensions=self.dimensions,
            fewest_blocks=None if self.fewest_nodes is None else self.fewest_nodes - INPUTS,
        )

    def decide(self, choose: Choose) -> CellPair:
        return self.cell.decide(choose)

    def build(self, description: CellPair, problem: Problem) -> nn.Module:
        return self.for_problem(problem).cell.build(description, problem)

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> CellSupernet:
        if self.fewest_nodes not in (None, self.nodes):
            raise InputError("space 'enas_micro' shares weights only among cells of the same size: leave out fewest_nodes")
        space = self.for_problem(problem)
        return space.cell.supernet_of(space.compose, problem, partial_channels, auxiliary_skip)

    def compose(self, description: CellPair) -> Architecture:
        """The architecture with this description: the inverse of `describe`."""
        return self.architecture(self.cell.answers(description))

    def for_problem(self, problem: Problem) -> EnasMicro:
        """Sets `dimensions`, and `reductions` if unset, as in space `cell`."""
        self.check_task(problem)
        dimensions, reductions = fit_reductions(self.name, problem, self.dimensions, self.reductions)
        return replace(self, dimensions=dimensions, reductions=reductions)

    def questions(self) -> tuple[Question, ...]:
        return self.cell.questions()

    def growth_order(self) -> GrowthOrder:
        """One more node at each level, as in space `cell`."""
        order = self.cell.growth_order()
        return GrowthOrder(replace(self, fewest_nodes=self.fewest_nodes or 1 + INPUTS), order.levels, order.fixed_answers)

    def count(self) -> int:
        return self.cell.count()

    def count_distinct(self) -> int | None:
        return self.cell.count_distinct()

    def published(self) -> Published | None:
        return self.cell.published()

    def canonical(self, architecture: Architecture) -> str:
        return self.cell.canonical(architecture)

    def features(self, architecture: Architecture) -> Features:
        return self.cell.features(architecture)

    def graph(self, architecture: Architecture) -> LabelledGraph:
        return self.cell.graph(architecture)
