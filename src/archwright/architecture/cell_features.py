"""The features of a cell: its paths of operations, and its size. Equal networks have equal features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import log1p

from archwright.architecture.cell_expression import expressions, paths, term_counts
from archwright.architecture.cell_graph import CellGraph
from archwright.architecture.features import Features

DECAY = 0.8
"""The factor by which the weight of a path decreases with each further operation."""


def cell_features(cell: CellGraph, outputs: int, weights: Mapping[str, float]) -> Features:
    """Features of a cell whose output consists of its last `outputs` states.

    Counts: the path encoding of White, Neiswanger & Savani 2021 (arXiv:1910.11858, section 4) without the skips in the paths.
    Differs: paths are counted, and weighted less the longer they are, since long paths are many and each says little (the paper
    truncates them). Sizes: how often each operation occurs, the logarithm of 1 + parameters, the number of paths, and the fewest
    and most convolutions on a path.
    `weights`: the parameters of the operations that have any, in units of channels squared.
    """
    last = expressions(cell)[-outputs:]
    counts: Counter[tuple[str, ...]] = sum(map(paths, last), Counter())
    operations = Counter(op for (op, operand), times in term_counts(last).items() if operand for _ in range(times))
    depths = [sum(op in weights for op in path) for path in counts]
    sizes: dict[str, float] = {
        **operations,
        "parameters": log1p(sum(weights.get(op, 0.0) * times for op, times in operations.items())),
        "paths": counts.total(),
        "least depth": min(depths, default=0),
        "greatest depth": max(depths, default=0),
    }
    named = {" ".join(path): path for path in counts}
    of_paths = {name: DECAY ** (len(path) - 1) for name, path in named.items()}
    return Features({name: counts[path] for name, path in named.items()}, sizes, of_paths)


def combined_features(parts: Mapping[str, Features]) -> Features:
    """The features of several cells combined into those of one network: each name is prefixed with that of its cell."""
    return Features(
        {f"{name}: {key}": value for name, part in parts.items() for key, value in part.counts.items()},
        {f"{name}: {key}": value for name, part in parts.items() for key, value in part.sizes.items()},
        {f"{name}: {key}": value for name, part in parts.items() for key, value in part.weights.items()},
    )
