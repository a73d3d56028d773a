"""How networks are represented for surrogates: as rows of numbers, each block of columns with a kernel."""

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
from archwright.search_strategy.surrogates.gaussian_process import Array, Form, Inputs, Kernel
from archwright.search_strategy.surrogates.weisfeiler_lehman import weisfeiler_lehman_counts

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Block:
    """The numbers of one block by name, and the weight of each relative to the others (1 if missing)."""

    numbers: Counts
    weights: Counts = field(default_factory=dict)


Reader = Callable[[SearchSpace, Architecture], tuple[Block, ...]]

REFERENCE_NETWORKS = 128
"""Random networks of a space from which the mean and deviation of each column are estimated."""
UNSEEN_DEVIATION = REFERENCE_NETWORKS**-0.5
"""Standard deviation of a column that is zero in all of them: as if one of them had a one."""
ITERATIONS = 2
"""Iterations of the Weisfeiler-Lehman kernel."""
CACHE_SIZE = 20_000
"""Networks whose keys and blocks are cached."""


@dataclass(frozen=True)
class NetworkView:
    """A representation of networks: blocks of named columns, with a kernel and a scaling for each block.

    `scaling` of a block: "variation" standardises its columns to mean 0 and a standard deviation equal to their weight over random
    networks of the space; "length" scales its rows to unit length.
    """

    read: Reader
    forms: tuple[Form, ...]
    scaling: tuple[Literal["variation", "length"], ...]

    @property
    def kernel(self) -> Kernel:
        return Kernel(self.forms)

    def rows(self, space: SearchSpace, architectures: Sequence[Architecture]) -> Inputs:
        """One array (N, D_k) for each block k; the columns are all names that occur in these networks."""
        blocks = zip(*(_read(self.read, space, ExactArchitecture.of(architecture)) for architecture in architectures), strict=True)
        return tuple(self._block(k, block, space) for k, block in enumerate(blocks))

    def reference(self, space: SearchSpace) -> Inputs:
        """The rows of the reference networks: a fixed random sample of the space."""
        return self.rows(space, _random_networks(space))

    def _block(self, k: int, block: Sequence[Block], space: SearchSpace) -> Array:
        if self.scaling[k] == "length":
            matrix = _matrix(block, sorted(set().union(*(own.numbers for own in block))))
            return np.asarray(matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12))
        variation = _variation(self.read, k, space)
        weights = _weights(block)
        names = sorted(variation.keys() | weights.keys())  # a column that is zero in all rows still differs from its mean
        unseen = {name: (0.0, UNSEEN_DEVIATION / weights[name]) for name in weights if name not in variation}
        mean, deviation = np.array([variation[name] if name in variation else unseen[name] for name in names]).reshape(-1, 2).T
        return np.asarray((_matrix(block, names) - mean) / deviation / max(1, len(variation)) ** 0.5)


def _matrix(block: Sequence[Block], names: Sequence[str]) -> Array:
    return np.array([[own.numbers.get(name, 0.0) for name in names] for own in block]).reshape(len(block), len(names))


def _weights(block: Sequence[Block]) -> dict[str, float]:
    """The weight of each name that occurs."""
    return {name: own.weights.get(name, 1.0) for own in block for name in own.numbers}


@dataclass(frozen=True)
class ExactArchitecture:
    """An architecture as a cache key: the answers 1 and True are equal in Python, but not in a space."""

    answers: str
    architecture: Architecture = field(compare=False)

    @classmethod
    def of(cls, architecture: Architecture) -> Self:
        return cls(answers_as_text(architecture.answers), architecture)


@lru_cache(CACHE_SIZE)
def cached_key(space: SearchSpace, exact: ExactArchitecture) -> str:
    """`key_of`, cached, since a search asks for the same networks repeatedly."""
    return key_of(space, exact.architecture)


@lru_cache(CACHE_SIZE)
def _read(read: Reader, space: SearchSpace, exact: ExactArchitecture) -> tuple[Block, ...]:
    return read(space, exact.architecture)


@lru_cache(16)
def _random_networks(space: SearchSpace) -> tuple[Architecture, ...]:
    rng = Random(0)
    return tuple(space.sample(rng) for _ in range(REFERENCE_NETWORKS))


@lru_cache(16)
def _variation(read: Reader, k: int, space: SearchSpace) -> Mapping[str, tuple[float, float]]:
    """Mean, and standard deviation (1 if constant) divided by weight, of each name in block k over the reference networks."""
    block = [_read(read, space, ExactArchitecture.of(architecture))[k] for architecture in _random_networks(space)]
    weights = _weights(block)
    names = sorted(weights)
    matrix = _matrix(block, names)
    means, deviations = matrix.mean(axis=0), matrix.std(axis=0)
    return {
        name: (float(mean), (float(deviation) or 1.0) / weights[name])
        for name, mean, deviation in zip(names, means, deviations, strict=True)
    }


def _features(space: SearchSpace, architecture: Architecture) -> tuple[Block, ...]:
    features = space.features(architecture)
    return Block(features.counts, features.weights), Block(features.sizes), Block(features.sizes)


def _graph(space: SearchSpace, architecture: Architecture) -> tuple[Block, ...]:
    return tuple(map(Block, weisfeiler_lehman_counts(space.graph(architecture), ITERATIONS)))


FEATURES = NetworkView(_features, ("rbf", "rbf", "linear"), ("variation", "variation", "variation"))
"""A space's features: counts and sizes, each with an RBF kernel, and a linear trend in the sizes."""
GRAPH = NetworkView(_graph, ("linear", "linear", "linear"), ("length", "length", "length"))
"""A network's graph, with the Weisfeiler-Lehman kernel. Differs: the weight of each iteration is fitted to the results."""
