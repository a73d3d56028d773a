"""Recurrent cells of N nodes, each a function of one earlier state, as in ENAS and DARTS (Pham et al. 2018, arXiv:1802.03268)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import factorial
from typing import TYPE_CHECKING, ClassVar

from archwright.architecture.architecture import Architecture
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph
from archwright.architecture.question import Choose, Option, Question
from archwright.architecture.recurrent_cell import INPUT, Averaged, RecurrentCell, canonical_text
from archwright.architecture.recurrent_cell_features import graph_of_recurrent_cell, recurrent_cell_features
from archwright.architecture.variation import questions_always_asked
from archwright.data.problem import Problem, Task
from archwright.errors import InputError
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_space.search_space import Published, SearchSpace
from archwright.settings import check_settings

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.recurrent_supernet import RecurrentSupernet

ACTIVATIONS = ("tanh", "relu", "identity", "sigmoid")


@dataclass(frozen=True)
class Recurrent(SearchSpace):
    """The recurrent cells of ENAS and DARTS, for text: each node applies an activation to the cell's input or an earlier node.

    The input is x_t and h_(t-1). `nodes`: N. `width`: of the embedding, the hidden state and every node. `averaged`: the nodes
    whose mean is h_t, those that no other node reads (ENAS, section 2.1) or all (DARTS, arXiv:1806.09055, appendix A.1.2).
    `highway`: each node is gated, as in the experiments of both papers. With `fewest_nodes`, the number of nodes is searched, too,
    from that to `nodes`.
    """

    name: ClassVar[str] = "recurrent"
    paper: ClassVar[tuple[str, ...]] = ("pham2018", "liu2019")
    tasks: ClassVar[tuple[Task, ...]] = ("language_modelling",)

    nodes: int = 8
    width: int = 200
    highway: bool = True
    averaged: Averaged = "loose_ends"
    fewest_nodes: int | None = None

    def __post_init__(self) -> None:
        ranges = {"nodes": (1, 30), "width": (1, 4096), "fewest_nodes": (1, self.nodes)}
        check_settings(self, "space 'recurrent'", **ranges)

    def decide(self, choose: Choose) -> RecurrentCell:
        nodes = choose("nodes", self._numbers_of_nodes) if self._asks_nodes else self.nodes
        sources, activations = [], []
        for node in range(1, 1 + nodes):
            sources.append(choose(f"{node}/input", range(node)) if node > 1 else INPUT)
            activations.append(choose(f"{node}/activation", ACTIVATIONS))
        return RecurrentCell(tuple(sources), tuple(activations), self.highway, self.averaged)

    @property
    def _numbers_of_nodes(self) -> range:
        return range(self.fewest_nodes or self.nodes, self.nodes + 1)

    @property
    def _asks_nodes(self) -> bool:
        return len(self._numbers_of_nodes) > 1

    def build(self, description: RecurrentCell, problem: Problem) -> nn.Module:
        from archwright.network.language_model import LanguageModel
        from archwright.network.recurrent_cell import RecurrentCellModule

        self.for_problem(problem)
        return LanguageModel(RecurrentCellModule(description, self.width), problem.outputs, self.width)

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> RecurrentSupernet:
        """All cells in one language model."""
        if self._asks_nodes:
            raise InputError("space 'recurrent' shares weights only among cells of the same size: leave out fewest_nodes")
        if partial_channels > 1 or auxiliary_skip:
            setting = "partial_channels=1" if partial_channels > 1 else "auxiliary_skip=false"
            raise InputError(f"space 'recurrent' mixes whole nodes and has an identity in every highway: set {setting}")
        from archwright.network.recurrent_supernet import RecurrentSupernet

        self.for_problem(problem)
        return RecurrentSupernet(
            self.nodes,
            ACTIVATIONS,
            vocabulary=problem.outputs,
            width=self.width,
            highway=self.highway,
            averaged=self.averaged,
            describe=self.describe,
            compose=self.compose,
        )

    def compose(self, description: RecurrentCell) -> Architecture:
        """The architecture with this description: the inverse of `describe`."""
        answers: dict[str, Option] = {"nodes": len(description.nodes)} if self._asks_nodes else {}
        for node, source, activation in zip(description.nodes, description.sources, description.activations, strict=True):
            answers |= {f"{node}/input": source} if node > 1 else {}
            answers[f"{node}/activation"] = activation
        return self.architecture(answers)

    def for_problem(self, problem: Problem) -> Recurrent:
        """Unchanged, for text; raises InputError for other tasks."""
        if problem.task not in self.tasks:
            raise InputError(
                f"space 'recurrent' builds language models, not networks for {problem.task} of inputs of shape "
                f"{problem.input_shape}: use space 'chain', or give it text"
            )
        return self

    def questions(self) -> tuple[Question, ...]:
        """All that can be asked: the largest cell asks everything that smaller ones do."""
        size = (Question("nodes", tuple(self._numbers_of_nodes)),) if self._asks_nodes else ()
        return (*size, *questions_always_asked(replace(self, fewest_nodes=None).decide))

    def growth_order(self) -> GrowthOrder:
        """One more node at each level, starting from `fewest_nodes` or one; the parent's cell is kept."""
        space = replace(self, fewest_nodes=self.fewest_nodes or 1)
        return GrowthOrder(space, len(space._numbers_of_nodes), space._fixed_answers)

    def _fixed_answers(self, level: int, parent: Architecture | None) -> list[dict[str, Option]]:
        return [{**(parent.answers if parent is not None else {}), "nodes": self._numbers_of_nodes[level - 1]}]

    def count(self) -> int:
        """4^N N!: an activation for each node, and i states that node i can read."""
        return sum(len(ACTIVATIONS) ** nodes * factorial(nodes) for nodes in self._numbers_of_nodes)

    def count_distinct(self) -> int:
        """A cell up to the order of its nodes is a forest of unordered trees, whose roots read the input."""
        return sum(map(forests, self._numbers_of_nodes))

    def published(self) -> Published | None:
        if self._asks_nodes:
            return None
        source = "Pham et al. 2018, arXiv:1802.03268, section 2.1: about 10^15 for N = 12"
        return Published(len(ACTIVATIONS) ** self.nodes * factorial(self.nodes), f"4^N x N!, N = {self.nodes}", source)

    def canonical(self, architecture: Architecture) -> str:
        """The cell up to the order of its nodes. Equal nodes count separately, since each has its own weights."""
        return canonical_text(self.describe(architecture))

    def features(self, architecture: Architecture) -> Features:
        return recurrent_cell_features(self.describe(architecture))

    def graph(self, architecture: Architecture) -> LabelledGraph:
        return graph_of_recurrent_cell(self.describe(architecture))


@cache
def forests(nodes: int) -> int:
    """The number of forests of unordered rooted trees with `nodes` nodes in total, each with one of four activations.

    A tree is a root over a forest, t(k) = 4 f(k - 1), and forests are the Euler transform of trees (Sloane & Plouffe 1995):
    n f(n) = sum_(k=1)^n (sum_(d | k) d t(d)) f(n - k).
    """
    if nodes == 0:
        return 1
    return sum(_multiples(k) * forests(nodes - k) for k in range(1, nodes + 1)) // nodes


def _multiples(size: int) -> int:
    return sum(d * len(ACTIVATIONS) * forests(d - 1) for d in range(1, size + 1) if size % d == 0)
