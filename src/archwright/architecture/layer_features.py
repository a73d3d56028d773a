"""The features of a sequence of layers with skip connections: its layers, its paths, and its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import log1p

from archwright.architecture.features import Features
from archwright.architecture.layer_graph import LayerGraph


def layer_features(graph: LayerGraph, weights: Mapping[str, float]) -> Features:
    """Counts: the operation of each layer, operations, pairs of consecutive operations, skips, and lengths of skips.

    Sizes: the number of skips; the logarithms of 1 + parameters and of 1 + multiplications (widths double where the resolution
    halves); the logarithm of 1 + paths from the input to the output, and the number of layers on the shortest and on the mean path.
    `weights`: the parameters of the operations, in units of channels squared.
    """
    counts: Counter[str] = Counter()
    for k, layer in enumerate(graph.layers, 1):
        counts.update([f"layer {k}: {layer.operation}", layer.operation])
        counts.update(name for j in layer.skips for name in (f"skip {j} to {k}", f"skip around {k - j}"))
    counts.update(f"{one.operation} {other.operation}" for one, other in pairwise(graph.layers))
    own = [weights.get(layer.operation, 0.0) for layer in graph.layers]
    sizes = {
        "skips": float(sum(len(layer.skips) for layer in graph.layers)),
        "parameters": log1p(sum(weight * 4**level for weight, level in zip(own, graph.levels[1:], strict=True))),
        "multiplications": log1p(sum(own)),
        **_paths(graph),
    }
    return Features(counts, sizes)


def _paths(graph: LayerGraph) -> dict[str, float]:
    """Each layer lengthens the paths through its operation by one; paths that skip it are not lengthened."""
    counts_of_paths, shortest, total = [1], [0], [0]
    for k, layer in enumerate(graph.layers, 1):
        counts_of_paths.append(counts_of_paths[k - 1] + sum(counts_of_paths[j] for j in layer.skips))
        total.append(total[k - 1] + counts_of_paths[k - 1] + sum(total[j] for j in layer.skips))
        shortest.append(min([shortest[k - 1] + 1, *(shortest[j] for j in layer.skips)]))
    return {"paths": log1p(counts_of_paths[-1]), "shortest path": float(shortest[-1]), "mean path": total[-1] / counts_of_paths[-1]}
