"""Toy spaces, and a minimal study that treats proposals as the real one does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from types import SimpleNamespace

import pytest

from archwright.architecture.architecture import answers_as_text
from archwright.evaluate.history import Candidate, History, Objective, key_of
from archwright.search_space import SearchSpace
from archwright.search_space.growth_order import GrowthOrder

ACCURACY = (Objective("accuracy", maximize=True),)
TWO = (*ACCURACY, Objective("macs", maximize=False))
EPOCHS = 9.0
"""Epochs of a full training, for multi-fidelity strategies."""


@dataclass(frozen=True)
class Flat(SearchSpace):
    """Unconditional questions, with options of every type, including 1 and True. 4 ** 8 architectures."""

    name = "flat"
    layers: int = 8

    def decide(self, choose):
        return [choose(f"{i}/op", [None, True, 1, "conv"]) for i in range(self.layers)]

    def build(self, description, problem):
        raise NotImplementedError

    def growth_order(self):
        """Two more layers at each level, in front of layers that are None."""
        return GrowthOrder(self, self.layers // 2, self._settled)

    def _settled(self, level, parent):
        before = dict(list(parent.answers.items())[: 2 * level - 2]) if parent else {}
        return [{**before, **{f"{i}/op": None for i in range(2 * level, self.layers)}}]


@dataclass(frozen=True)
class Conditional(SearchSpace):
    """Questions that depend on earlier answers, two levels deep."""

    name = "conditional"

    def decide(self, choose):
        layers = []
        for i in range(choose("depth", [1, 3, 6])):
            op = choose(f"{i}/op", ["conv", "pool"])
            layers.append((op, choose(f"{i}/kernel", [1, 3, 5]) if op == "conv" else None, choose(f"{i}/width", [8, 16, 32])))
        return layers

    def build(self, description, problem):
        raise NotImplementedError

    def growth_order(self):
        return GrowthOrder(self, 3, lambda level, parent: [{**(parent.answers if parent else {}), "depth": (1, 3, 6)[level - 1]}])


@dataclass(frozen=True)
class Tiny(SearchSpace):
    """Four architectures, three networks: `ab` and `ba` are the same."""

    name = "tiny"

    def decide(self, choose):
        return choose("first", ["a", "b"]) + choose("second", ["a", "b"])

    def build(self, description, problem):
        raise NotImplementedError

    def canonical(self, architecture):
        return "".join(sorted(self.describe(architecture)))

    def growth_order(self):
        return GrowthOrder(self, 1, lambda level, parent: [{}])


@dataclass(frozen=True)
class Single(SearchSpace):
    """One architecture."""

    name = "single"

    def decide(self, choose):
        return choose("only", [None])

    def build(self, description, problem):
        raise NotImplementedError

    def growth_order(self):
        return GrowthOrder(self, 1, lambda level, parent: [{}])


SPACES = {space.name: space for space in (Flat(), Conditional(), Tiny(), Single())}


def toy_score(space, architecture):
    """A smooth landscape with one maximum: the share of answers that are the second to last option, and depth."""
    if space.name == "conditional":
        layers = space.describe(architecture)
        good = sum((op == "conv") + (kernel == 3) + (width == 16) for op, kernel, width in layers)
        return good / 18
    if space.name == "flat":
        return sum(answer is True for answer in space.describe(architecture)) / 8
    return float(sum(map(ord, answers_as_text(architecture.answers))) % 97) / 97


def toy_scores(space, architecture, objectives):
    macs = float(len([a for a in architecture.answers.values() if a not in (None, "pool")]))
    return (toy_score(space, architecture), -macs)[: len(objectives)]


def ledger(candidate: Candidate) -> Candidate:
    """The candidate as it comes back from storage: its note went through JSON."""
    return replace(candidate, note=json.loads(json.dumps(candidate.note)))


class Study:
    """Numbers, duplicates, failures, refusals, fidelities and several workers, without any training.

    `scores`: of a candidate, where the landscape of `toy_scores` will not do.
    """

    def __init__(
        self,
        strategy,
        space,
        objectives=ACCURACY,
        seed=0,
        fails: Callable[[Candidate], str | None] = lambda c: None,
        epochs: float = EPOCHS,
        scores: Callable[[Candidate], tuple[float, ...]] | None = None,
    ):
        self.strategy, self.space, self.objectives, self.seed, self.fails = strategy, space, objectives, seed, fails
        self.epochs = epochs
        self.scores = scores or (lambda candidate: toy_scores(space, candidate.architecture, objectives))
        self.finished: list[Candidate] = []
        self.pending: list[Candidate] = []
        self.refused: list[Candidate] = []

    @property
    def history(self) -> History:
        return History(self.objectives, tuple(self.finished), tuple(self.pending), tuple(self.refused), self.epochs)

    @property
    def number(self) -> int:
        return len(self.finished) + len(self.pending) + len(self.refused)

    def rng(self) -> Random:
        return Random(f"{self.seed}/{self.number}")

    def propose(self, strategy=None):
        return (strategy or self.strategy).propose(self.space, self.history, self.rng())

    def start(self) -> Candidate:
        proposal = self.propose()
        key = key_of(self.space, proposal.architecture)
        candidate = ledger(
            Candidate(
                self.number,
                proposal.architecture,
                key,
                "running",
                parent=proposal.parent,
                epochs=proposal.epochs or self.epochs,
                note=proposal.note,
                seen=len(self.finished),
                continues=proposal.continues,
            )
        )
        state = self.fails(candidate)
        known = next((c for c in self.finished if c.key == key and c.epochs >= candidate.epochs), None)
        if known is not None:
            self.finished.append(replace(candidate, state="duplicate", scores=known.scores))
        elif state == "refused":
            self.refused.append(replace(candidate, state="refused"))
        else:
            self.pending.append(candidate)
        return candidate

    def finish(self, index: int = 0) -> None:
        candidate = self.pending.pop(index)
        failed = self.fails(candidate)
        scores = None if failed else self.scores(candidate)
        self.finished.append(replace(candidate, state=failed or "complete", scores=scores))

    def run(self, trials: int, workers: int = 1) -> History:
        """Runs until `trials` proposals have been made and have finished; workers finish in a random order."""
        order = Random(f"order/{self.seed}")
        while self.number < trials:
            self.start()
            while len(self.pending) >= workers:
                self.finish(order.randrange(len(self.pending)))
        while self.pending:
            self.finish()
        return self.history


@pytest.fixture(scope="session")
def toy():
    return SimpleNamespace(Study=Study, spaces=SPACES, score=toy_score, accuracy=ACCURACY, two=TWO, ledger=ledger, epochs=EPOCHS)
