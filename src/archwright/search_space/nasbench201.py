"""NAS-Bench-201: cells of four nodes and six edges, with five operations (Dong & Yang 2020, arXiv:2001.00326)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import chain, combinations
from typing import TYPE_CHECKING, ClassVar

from archwright.architecture.architecture import Architecture
from archwright.architecture.cell_features import cell_features
from archwright.architecture.cell_graph import NONE, CellGraph, Node
from archwright.architecture.features import Features
from archwright.architecture.labelled_graph import LabelledGraph, graph_of_cells
from archwright.architecture.question import Choose, Option, Question
from archwright.architecture.variation import questions_always_asked
from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownAnswer
from archwright.search_space.growth_order import GrowthOrder
from archwright.search_space.search_space import Published, SearchSpace
from archwright.settings import check_settings

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.nasbench201_supernet import NASBench201Supernet

NODES = 4
EDGES = tuple((target, source) for target in range(1, NODES) for source in range(target))
OPERATIONS = (NONE, "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
WEIGHTS = {"nor_conv_1x1": 1.0, "nor_conv_3x3": 9.0}
"""Parameters, in units of channels squared."""
LEAST_SIDE = 4
ZERO = "#"


@dataclass(frozen=True)
class NASBench201(SearchSpace):
    """The cells of NAS-Bench-201: one of five operations on each of the six edges between four nodes.

    The last node is the output. Three stages of `repeats` cells each (N in the paper), with `filters`, 2 x and 4 x `filters`
    channels.
    """

    name: ClassVar[str] = "nasbench201"
    paper: ClassVar[str] = "dong2020"

    repeats: int = 5
    filters: int = 16

    def __post_init__(self) -> None:
        check_settings(self, "space 'nasbench201'", repeats=(1, 100), filters=(1, 4096))

    def decide(self, choose: Choose) -> CellGraph:
        nodes = []
        for target in range(1, NODES):
            operations = tuple(choose(question_name(source, target), OPERATIONS) for source in range(target))
            nodes.append(Node(tuple(range(target)), operations))
        return CellGraph("cell", 1, tuple(nodes))

    def build(self, description: CellGraph, problem: Problem) -> nn.Module:
        from archwright.network.nasbench201_network import NASBench201Network

        self.for_problem(problem)
        return NASBench201Network(problem.input_shape, problem.outputs, description, repeats=self.repeats, filters=self.filters)

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> NASBench201Supernet:
        """All cells in one network. `partial_channels`: K of PC-DARTS. `auxiliary_skip`: the skip connection of DARTS-."""
        from archwright.network.nasbench201_supernet import NASBench201Supernet

        self.for_problem(problem)
        return NASBench201Supernet(
            problem.input_shape,
            problem.outputs,
            OPERATIONS,
            describe=self.describe,
            compose=self.architecture,
            repeats=self.repeats,
            filters=self.filters,
            partial_channels=partial_channels,
            auxiliary_skip=auxiliary_skip,
        )

    def for_problem(self, problem: Problem) -> NASBench201:
        """Unchanged, for series and images whose sides can be halved twice; raises InputError for other data."""
        self.check_task(problem)
        if problem.dimensions not in (1, 2):
            raise InputError(
                f"space 'nasbench201' takes series (C, L) or images (C, H, W), not inputs of shape {problem.input_shape}: "
                "use space 'chain'"
            )
        if min(problem.input_shape[1:]) < LEAST_SIDE:
            raise InputError(
                f"space 'nasbench201' halves its inputs twice, and shape {problem.input_shape} has a side below {LEAST_SIDE}: "
                "use space 'cell' or 'chain'"
            )
        return self

    def questions(self) -> tuple[Question, ...]:
        return questions_always_asked(self.decide)

    def count(self) -> int:
        return int(len(OPERATIONS) ** len(EDGES))

    def growth_order(self) -> GrowthOrder:
        """A single path from input to output at level 1, then one more independent path per level; operations are kept."""
        return GrowthOrder(self, max(_independent_paths(edges) for edges in _connected_edge_sets()), self._fixed_answers)

    def _fixed_answers(self, level: int, parent: Architecture | None) -> list[dict[str, Option]]:
        kept = {name: op for name, op in parent.answers.items() if op != NONE} if parent is not None else {}
        shapes = [{question_name(s, t) for t, s in edges} for edges in _connected_edge_sets() if _independent_paths(edges) == level]
        return [{**{name: NONE for name in EDGE_NAMES if name not in shape}, **kept} for shape in shapes if shape.issuperset(kept)]

    def published(self) -> Published:
        return Published(15_625, "5^6", "Dong & Yang 2020, arXiv:2001.00326, section 2.1; 6,466 distinct")

    def canonical(self, architecture: Architecture) -> str:
        """The benchmark's own reduction: the output as an expression of the input.

        A skip equals the expression it reads, `none` and every operation on zeros are zero, and sums are unordered. Like the
        benchmark's, it does not distinguish a node used twice from two equal nodes with separate weights.
        """
        return _expression(tuple(str(architecture.answers[name]) for name in EDGE_NAMES))

    def features(self, architecture: Architecture) -> Features:
        return cell_features(self.describe(architecture), 1, WEIGHTS)

    def graph(self, architecture: Architecture) -> LabelledGraph:
        return graph_of_cells({"cell": self.describe(architecture)}, {"cell": 1})

    def to_string(self, architecture: Architecture) -> str:
        """The benchmark's string, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
        groups = []
        for target in range(1, NODES):
            edges = (f"{architecture.answers[question_name(source, target)]}~{source}|" for source in range(target))
            groups.append("|" + "".join(edges))
        return "+".join(groups)

    def from_string(self, text: str) -> Architecture:
        """The architecture of a benchmark string. Raises UnknownAnswer for another form or operation."""
        if not FORM.fullmatch(text):
            raise UnknownAnswer(f"{text!r} is not of the form |op~0|+|op~0|op~1|+|op~0|op~1|op~2|")
        names = re.findall(r"\|?([^|~+]+)~\d", text)
        return self.architecture(dict(zip(EDGE_NAMES, names, strict=True)))


FORM = re.compile(r"\+".join(r"\|" + "".join(rf"[^|~+]+~{source}\|" for source in range(target)) for target in range(1, NODES)))


def question_name(source: int, target: int) -> str:
    """The question about the edge from node `source` to node `target`."""
    return f"{source}->{target}"


EDGE_NAMES = tuple(question_name(source, target) for target, source in EDGES)


@cache
def _connected_edge_sets() -> tuple[tuple[tuple[int, int], ...], ...]:
    """All sets of edges (target, source) without dead ends: every edge is on a path from the first node to the last."""
    edge_sets = chain.from_iterable(combinations(EDGES, size) for size in range(1, len(EDGES) + 1))
    return tuple(edges for edges in edge_sets if {0, *(t for t, _ in edges)} == {NODES - 1, *(s for _, s in edges)})


def _independent_paths(edges: tuple[tuple[int, int], ...]) -> int:
    """The number of independent paths through the cell: edges - nodes + 2."""
    return len(edges) - len({node for edge in edges for node in edge}) + 2


@cache
def _expression(operations: tuple[str, ...]) -> str:
    """The expression of the last node, for operations in the order of `EDGES`; at most 15,625 are cached."""
    on_edge = dict(zip(EDGES, operations, strict=True))
    expressions = ["0"]
    for target in range(1, NODES):
        terms = [_apply(on_edge[target, source], expressions[source]) for source in range(target)]
        expressions.append("+".join(sorted(terms)))
    return expressions[-1]


def _apply(op: str, expression: str) -> str:
    if op == NONE or expression == ZERO:
        return ZERO
    return expression if op == "skip_connect" else f"({expression})@{op}"
