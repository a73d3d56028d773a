"""Random search with weight sharing: single-path training, then the best of randomly sampled architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import key_of
from archwright.one_shot.method import PathMethod, Score, check_options
from archwright.one_shot.single_path_uniform import SinglePathUniform
from archwright.search_space import SearchSpace


@dataclass(frozen=True)
class RandomWeightSharing(PathMethod):
    """Random search with weight sharing (Li & Talwalkar 2020, arXiv:1902.07638, section 3.2).

    Each step trains one uniformly sampled path (`single_path_uniform.py`); afterwards randomly sampled architectures are ranked by
    their shared-weight scores.
    Differs: every architecture is scored on the whole validation split, not on a part of it first; none is scored twice.
    """

    paper: ClassVar[str] = "li2020random"
    final_search: ClassVar[str] = "random"

    def __post_init__(self) -> None:
        check_options(self, "random_weight_sharing")

    step = SinglePathUniform.step

    def find(self, space: SearchSpace, score: Score, evaluations: int, rng: Random) -> Sequence[tuple[Architecture, float]]:
        drawn: dict[str, Architecture] = {}
        for _ in range(10 * evaluations):  # a small space may hold fewer
            architecture = space.sample(rng)
            drawn.setdefault(key_of(space, architecture), architecture)
            if len(drawn) == evaluations:
                break
        scored = [(architecture, score(architecture)) for architecture in drawn.values()]
        return sorted(scored, key=lambda pair: -pair[1])
