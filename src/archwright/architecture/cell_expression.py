"""What a cell computes, as an expression: sums of operations on sums, without skips and without terms that are zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from archwright.architecture.cell_graph import CellGraph

SKIP = "skip_connect"

Term = tuple[str, "Expression"]
Expression = tuple[Term, ...]
"""A sum: its sorted terms, each an operation on a sum. An input is a term whose operand is the empty sum, which is zero."""


def expressions(cell: CellGraph) -> list[Expression]:
    """Each state of a cell as an expression of its inputs, `input 0` and so on.

    A skip equals the sum that it reads, an operation on zero is zero, and sums are unordered. So equal networks have equal
    expressions; a node read twice is not distinguished from two equal nodes.
    """
    states: list[Expression] = [((f"input {i}", ()),) for i in range(cell.inputs)]
    for node in cell.nodes:
        terms = [term for state, op in node.edges for term in _applied(op, states[state])]
        states.append(tuple(sorted(terms)))
    return states


def _applied(op: str, operand: Expression) -> Expression:
    if not operand or op == SKIP:
        return operand
    return ((op, operand),)


def term_counts(outputs: Sequence[Expression]) -> Counter[Term]:
    """The operations and inputs that the outputs need, each term as often as it occurs in a single sum.

    A term in two sums is taken for one node read twice; a term that occurs twice in one sum, for two nodes.
    """
    needed: Counter[Term] = Counter()
    for expression in {*outputs, *(part for output in outputs for part in _operands(output))}:
        needed |= Counter(expression)
    return needed


def _operands(expression: Expression) -> Iterator[Expression]:
    for _, operand in set(expression):
        yield operand
        yield from _operands(operand)


def paths(output: Expression) -> Counter[tuple[str, ...]]:
    """The paths from an input to this sum, each as the input and the operations along it, with their counts."""
    found: Counter[tuple[str, ...]] = Counter()
    for (op, operand), times in Counter(output).items():
        if not operand:
            found[(op,)] += times
        for path, ways in paths(operand).items():
            found[(*path, op)] += times * ways
    return found
