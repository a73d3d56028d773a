"""How surrogate models see networks: as rows of numbers, and with which kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Literal, Self

import numpy as np

from archwright.architecture.architecture import Architecture, answers_as_text
from archwright.evaluate.history import key_of
from archwright.search_space import SearchSpace
from archwright.search_strategy.gaussian_process import Array, Form, Inputs, Kernel
from archwright.search_strategy.weisfeiler_lehman import weisfeiler_lehman_counts

Counts = Mapping[str, float]
Reader = Callable[[SearchSpace, Architecture], tuple[Counts, ...]]

REFERENCE = 128
"""How many random networks of a space say how much its numbers vary."""
UNSEEN = (0.0, REFERENCE**-0.5)
"""Mean and standard deviation of what none of them has: the deviation of what one of them has once."""
ITERATIONS = 2
"""Of Weisfeiler and Lehman."""
MEMORY = 20_000
"""Networks whose numbers are kept in memory."""


@dataclass(frozen=True)
class NetworkView:
    """Blocks of columns with a name each, read off a network, and a kernel for each block.

    `scaling` of a block: none; "variation", which brings its columns to mean 0 and variance 1 over random networks of the space; or
    "length", which gives its rows length 1.
    """

    read: Reader
    forms: tuple[Form, ...]
    scaling: tuple[Literal["none", "variation", "length"], ...]

    @property
    def kernel(self) -> Kernel:
        return Kernel(self.forms)

    def rows(self, space: SearchSpace, architectures: Sequence[Architecture]) -> Inputs:
        """One array (N, D_k) for each block k: the columns are all names that occur in these networks."""
        blocks = zip(*(_read(self.read, space, Exactly.of(architecture)) for architecture in architectures), strict=True)
        return tuple(self._block(k, block, space) for k, block in enumerate(blocks))

    def reference(self, space: SearchSpace) -> Inputs:
        """The rows of random networks, always the same."""
        return self.rows(space, _random_networks(space))

    def _block(self, k: int, block: Sequence[Counts], space: SearchSpace) -> Array:
        if self.scaling[k] == "variation":
            variation = _variation(self.read, k, space)
            names = sorted(variation.keys() | set().union(*block))  # what all lack is off its mean, too
            mean, deviation = np.array([variation.get(name, UNSEEN) for name in names]).reshape(-1, 2).T
            return np.asarray((_matrix(block, names) - mean) / deviation / max(1, len(variation)) ** 0.5)
        matrix = _matrix(block, sorted(set().union(*block)))
        if self.scaling[k] == "length":
            return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12))
        return matrix


def _matrix(block: Sequence[Counts], names: Sequence[str]) -> Array:
    return np.array([[counts.get(name, 0.0) for name in names] for counts in block]).reshape(len(block), len(names))


@dataclass(frozen=True)
class Exactly:
    """An architecture as the key of a cache: answers 1 and True are equal in Python, and not in a space."""

    answers: str
    architecture: Architecture = field(compare=False)

    @classmethod
    def of(cls, architecture: Architecture) -> Self:
        return cls(answers_as_text(architecture.answers), architecture)


@lru_cache(MEMORY)
def key_from_memory(space: SearchSpace, exactly: Exactly) -> str:
    """`key_of`, which a search asks for the same networks again and again."""
    return key_of(space, exactly.architecture)


@lru_cache(MEMORY)
def _read(read: Reader, space: SearchSpace, exactly: Exactly) -> tuple[Counts, ...]:
    return read(space, exactly.architecture)


@lru_cache(16)
def _random_networks(space: SearchSpace) -> tuple[Architecture, ...]:
    rng = Random(0)
    return tuple(space.sample(rng) for _ in range(REFERENCE))


@lru_cache(16)
def _variation(read: Reader, k: int, space: SearchSpace) -> Mapping[str, tuple[float, float]]:
    """For each name in block k, mean and standard deviation (1 where it does not vary) over random networks."""
    block = [_read(read, space, Exactly.of(architecture))[k] for architecture in _random_networks(space)]
    names = sorted(set().union(*block))
    matrix = _matrix(block, names)
    means, deviations = matrix.mean(axis=0), matrix.std(axis=0)
    return {name: (float(mean), float(deviation) or 1.0) for name, mean, deviation in zip(names, means, deviations, strict=True)}


def _features(space: SearchSpace, architecture: Architecture) -> tuple[Counts, ...]:
    features = space.features(architecture)
    return features.counts, features.sizes, features.sizes


def _graph(space: SearchSpace, architecture: Architecture) -> tuple[Counts, ...]:
    return tuple(weisfeiler_lehman_counts(space.graph(architecture), ITERATIONS))


FEATURES = NetworkView(_features, ("rbf", "rbf", "linear"), ("none", "variation", "variation"))
"""A space's features: what a network is made of and how large it is, each with a kernel, and a linear trend along the sizes."""
GRAPH = NetworkView(_graph, ("linear", "linear", "linear"), ("length", "length", "length"))
"""A network's graph, with the Weisfeiler-Lehman kernel. Differs: each iteration has a weight of its own, fitted to the results."""
