"""What a search space is: ordinary Python code that asks questions, without knowing who answers them."""

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
from archwright.papers import Cited
from archwright.settings import settings_of

if TYPE_CHECKING:
    from torch import nn

    from archwright.network.supernet import Supernet
    from archwright.search_space.growth_order import GrowthOrder

ENUMERATION_LIMIT = 1_000_000


@dataclass(frozen=True)
class Published:
    """The size of a space as given in a paper."""

    value: int
    formula: str
    source: str


@dataclass(frozen=True)
class SearchSpace(ABC):
    """A set of networks. Authors write `decide` and `build`; everything else has a default, which may be overridden.

    A space is a frozen dataclass whose fields are its settings. Importing it and asking its questions must not need torch; only
    `build` does.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multi_label", "regression")
    """The tasks that its networks can be trained for."""
    paper: ClassVar[Cited] = ()
    """The papers that the space follows."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    @property
    def reference(self) -> str:
        """How any process finds this space: the library's own by name, others as `module:Class`."""
        cls = type(self)
        return self.name if cls.__module__.startswith("archwright.") else f"{cls.__module__}:{cls.__qualname__}"

    @abstractmethod
    def decide(self, choose: Choose) -> Any:
        """Asks questions, and returns a description of the network: pure Python that takes microseconds."""

    @abstractmethod
    def build(self, description: Any, problem: Problem) -> nn.Module:
        """An ordinary module for what `decide` returned: (B, *problem.input_shape) -> (B, problem.outputs), logits or targets."""

    def for_problem(self, problem: Problem) -> Self:
        """This space with the settings that follow from the data. Raises InputError if it cannot take such data."""
        self.check_task(problem)
        return self

    def check_task(self, problem: Problem) -> None:
        """Raises InputError if the space's networks cannot be trained for the problem's task."""
        if problem.task not in self.tasks:
            other = "recurrent" if problem.level is not None else "chain"
            raise InputError(f"space {self.name!r} is not for {problem.task} such as {problem.name}: use a space like {other!r}")

    def supernet(self, problem: Problem, *, partial_channels: int = 1, auxiliary_skip: bool = False) -> Supernet:
        """One module with the shared weights of all architectures. Raises InputError if there is none for these settings.

        `partial_channels`: with K, 1/K of the channels goes through the mixed operations (PC-DARTS, arXiv:1907.05737).
        `auxiliary_skip`: an extra skip connection on each edge, without a gate (DARTS-, arXiv:2009.01027). Not all spaces have
        these.
        """
        raise InputError(
            f"space {self.name!r} has no supernet: "
            "for weight sharing use one of cell, chain, enas_macro, enas_micro, nasbench201, recurrent"
        )

    def skips(self) -> Mapping[str, Option]:
        """The questions about skip connections between two layers, each with the answer that adds one; none by default."""
        return {}

    def questions(self) -> tuple[Question, ...]:
        """All questions that can be asked."""
        return collect_questions(self.decide)

    def count(self) -> int:
        """The exact number of architectures (sets of answers). Raises InputError if there are too many to enumerate."""
        counted = sum(1 for _ in itertools.islice(enumerate_answers(self.decide), ENUMERATION_LIMIT + 1))
        if counted > ENUMERATION_LIMIT:
            raise InputError(
                f"space {self.name!r} has more than {ENUMERATION_LIMIT:,} architectures: override `count` with a formula"
            )
        return counted

    def count_distinct(self) -> int | None:
        """The number of architectures that `canonical` distinguishes; None if there are too many to enumerate."""
        if self.count() > ENUMERATION_LIMIT // 10:
            return None
        return len({self.canonical(architecture) for architecture in self.enumerate()})

    def published(self) -> Published | None:
        """The size that a paper gives for these settings, if one does."""
        return None

    def canonical(self, architecture: Architecture) -> str:
        """A text that equal networks have in common (isomorphic cells, dead nodes); by default the answers."""
        return answers_as_text(architecture.answers)

    def encode(self, architecture: Architecture) -> list[float]:
        """One-hot encoding of all questions, (total number of options,); zeros for questions that are not asked."""
        vector: list[float] = []
        for question in self.questions():
            asked = question.name in architecture.answers
            position = question.position(architecture.answers[question.name]) if asked else None
            vector += [float(position == i) for i in range(len(question.options))]
        return vector

    def growth_order(self) -> GrowthOrder | None:
        """How architectures grow from small to large, for progressive search; None if the space does not define it."""
        return None

    def features(self, architecture: Architecture) -> Features:
        """Numbers by which a surrogate compares networks, the same for equal networks; by default derived from the answers."""
        return features_of_answers(questions_asked(self.decide, architecture.answers).values(), architecture.answers)

    def graph(self, architecture: Architecture) -> LabelledGraph:
        """The network as a graph, the same for equal networks; by default a chain of the answers, in the order of the questions."""
        return graph_of_answers(architecture.answers)

    # The rest follows from `decide` alone, and is not meant to be overridden.

    def architecture(self, answers: Answers) -> Architecture:
        """These answers as an architecture of this space. Raises UnknownAnswer if they do not fit."""
        replay(self.decide, answers)
        return Architecture(self.reference, settings_of(self), answers)

    def describe(self, architecture: Architecture) -> Any:
        """What `decide` returns for the architecture's answers."""
        return replay(self.decide, architecture.answers)

    def network(self, architecture: Architecture, problem: Problem) -> nn.Module:
        """The network of an architecture, an ordinary module."""
        return self.build(self.describe(architecture), problem)

    def sample(self, rng: Random) -> Architecture:
        """A random architecture: each question is answered uniformly at random."""
        return self._wrap(sample_answers(self.decide, rng))

    def mutate(self, architecture: Architecture, rng: Random, edits: int = 1) -> Architecture:
        """Changes one random answer, or `edits` of them (or all, if fewer have alternatives)."""
        return self._wrap(mutate_answers(self.decide, architecture.answers, rng, edits))

    def crossover(self, mother: Architecture, father: Architecture, rng: Random) -> Architecture:
        """Uniform crossover: each answer comes from either parent."""
        return self._wrap(crossover_answers(self.decide, mother.answers, father.answers, rng))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """All architectures that differ in one answer, always in the same order."""
        return map(self._wrap, neighbouring_answers(self.decide, architecture.answers))

    def enumerate(self) -> Iterator[Architecture]:
        """Every architecture once."""
        return map(self._wrap, enumerate_answers(self.decide))

    def _wrap(self, answers: Answers) -> Architecture:
        return Architecture(self.reference, settings_of(self), answers)
