"""A search space is written once, as ordinary Python that asks questions; it does not know who answers."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Self

from archwright.architecture.architecture import Architecture, answers_as_text
from archwright.architecture.features import Features, features_of_answers
from archwright.architecture.labelled_graph import LabelledGraph, graph_of_answers
from archwright.architecture.question import Choose, Option, Question
from archwright.architecture.variation import (
    Answers,
    collect_questions,
    crossover_answers,
    enumerate_answers,
    mutate_answers,
    neighbouring_answers,
    questions_asked,
    replay,
    sample_answers,
)
from archwright.data.problem import Problem, Task
from archwright.errors import InputError
from archwright.settings import settings_of

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.supernet import Supernet
    from archwright.search_space.growth_order import GrowthOrder

ENUMERATION_LIMIT = 1_000_000


@dataclass(frozen=True)
class Published:
    """A size of a space that a paper gives."""

    value: int
    formula: str
    source: str


@dataclass(frozen=True)
class SearchSpace(ABC):
    """Which networks can be built. Authors write `decide` and `build`; the rest follows, and may be overridden to say more.

    A space is a frozen dataclass whose fields are its settings. Importing and asking need no torch; only `build` does.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multi_label", "regression")
    """What its networks can be trained for."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    @property
    def reference(self) -> str:
        """The name under which any process finds this space: the library's own by name, others as `module:Class`."""
        cls = type(self)
        return self.name if cls.__module__.startswith("archwright.") else f"{cls.__module__}:{cls.__qualname__}"

    @abstractmethod
    def decide(self, choose: Choose) -> Any:
        """Ask, and return a description of the network: pure Python, microseconds."""

    @abstractmethod
    def build(self, description: Any, problem: Problem) -> nn.Module:
        """A plain module for what `decide` returned: (B, *problem.input_shape) -> (B, problem.outputs) logits or targets."""

    def for_problem(self, problem: Problem) -> Self:
        """This space with the settings that the data decide filled in. Raises InputError where it cannot take such data."""
        self.check_task(problem)
        return self

    def check_task(self, problem: Problem) -> None:
        """Raises InputError where the space's networks are for other tasks than the problem's."""
        if problem.task not in self.tasks:
            other = "recurrent" if problem.level is not None else "chain"
            raise InputError(f"space {self.name!r} is not for {problem.task} such as {problem.name}: use a space like {other!r}")

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> Supernet:
        """One module with the weights of all architectures. Raises InputError where there is none for these settings.

        `partial_channels` k: 1/k of the channels go through the mixed operations (PC-DARTS, arXiv:1907.05737). `auxiliary_skip`: a
        further skip connection on each edge, outside the gates (DARTS-, arXiv:2009.01027). Both only where the space says so.
        """
        raise InputError(
            f"space {self.name!r} has no supernet: "
            "for weight sharing use one of cell, chain, enas_macro, enas_micro, nasbench201, recurrent"
        )

    def skips(self) -> Mapping[str, Option]:
        """The questions that ask for a skip connection between two layers, each with the answer that makes one; none by default."""
        return {}

    def questions(self) -> tuple[Question, ...]:
        """All that can be asked."""
        return collect_questions(self.decide)

    def count(self) -> int:
        """The exact number of architectures (sets of answers). Raises InputError where a formula is needed and missing."""
        counted = sum(1 for _ in itertools.islice(enumerate_answers(self.decide), ENUMERATION_LIMIT + 1))
        if counted > ENUMERATION_LIMIT:
            raise InputError(f"space {self.name!r} has more than {ENUMERATION_LIMIT:,} architectures: give it a formula in `count`")
        return counted

    def count_distinct(self) -> int | None:
        """How many of them `canonical` tells apart; None where that is more than can be enumerated."""
        if self.count() > ENUMERATION_LIMIT // 10:
            return None
        return len({self.canonical(architecture) for architecture in self.enumerate()})

    def published(self) -> Published | None:
        """The size that a paper gives for these settings, where one does."""
        return None

    def canonical(self, architecture: Architecture) -> str:
        """A text that equal networks share (isomorphic cells, dead nodes); by default the answers."""
        return answers_as_text(architecture.answers)

    def encode(self, architecture: Architecture) -> list[float]:
        """One-hot over all questions, (sum of options,); a question that is not asked is all zeros."""
        vector: list[float] = []
        for question in self.questions():
            asked = question.name in architecture.answers
            position = question.position(architecture.answers[question.name]) if asked else None
            vector += [float(position == i) for i in range(len(question.options))]
        return vector

    def growth_order(self) -> GrowthOrder | None:
        """How architectures grow from small to large, for progressive search; None where the space does not say."""
        return None

    def features(self, architecture: Architecture) -> Features:
        """Numbers that a surrogate model compares networks by, the same for equal networks; by default what the answers say."""
        return features_of_answers(questions_asked(self.decide, architecture.answers).values(), architecture.answers)

    def graph(self, architecture: Architecture) -> LabelledGraph:
        """The network as a graph, the same for equal networks; by default the answers in the order of asking."""
        return graph_of_answers(architecture.answers)

    # What follows from `decide` alone, and is not meant to be overridden.

    def architecture(self, answers: Answers) -> Architecture:
        """These answers as an architecture of this space. Raises UnknownAnswer where they do not fit."""
        replay(self.decide, answers)
        return Architecture(self.reference, settings_of(self), answers)

    def describe(self, architecture: Architecture) -> Any:
        """What `decide` returns under the architecture's answers."""
        return replay(self.decide, architecture.answers)

    def network(self, architecture: Architecture, problem: Problem) -> nn.Module:
        """The plain module of an architecture."""
        return self.build(self.describe(architecture), problem)

    def sample(self, rng: Random) -> Architecture:
        """Uniform per question."""
        return self._wrap(sample_answers(self.decide, rng))

    def mutate(self, architecture: Architecture, rng: Random, edits: int = 1) -> Architecture:
        """One answer changed, or `edits` of them (all, where fewer have alternatives)."""
        return self._wrap(mutate_answers(self.decide, architecture.answers, rng, edits))

    def crossover(self, mother: Architecture, father: Architecture, rng: Random) -> Architecture:
        """Each answer from either parent."""
        return self._wrap(crossover_answers(self.decide, mother.answers, father.answers, rng))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """All that differ in one answer, always in the same order."""
        return map(self._wrap, neighbouring_answers(self.decide, architecture.answers))

    def enumerate(self) -> Iterator[Architecture]:
        """Every architecture once."""
        return map(self._wrap, enumerate_answers(self.decide))

    def _wrap(self, answers: Answers) -> Architecture:
        return Architecture(self.reference, settings_of(self), answers)
