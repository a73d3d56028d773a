"""A one-shot method as a strategy of a run: one training of a supernet, and then what that has found, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import History, Proposal
from archwright.evaluate.job import Stage
from archwright.ledger.ledger import Ledger, Overtaken
from archwright.ledger.row import Row
from archwright.search_space import SearchSpace
from archwright.study.scheduler import training_seed

STAGE: Stage = "supernet"
KEY = "supernet"


class SupernetSearch:
    """Where a one-shot method looks next: where its supernet's training has pointed. All of it is read from the ledger.

    `epochs`: the most that the supernet is trained for.
    """

    def __init__(self, name: str, ledger: Ledger, epochs: float) -> None:
        self.name = name
        self._ledger = ledger
        self._epochs = epochs

    @property
    def training(self) -> Row | None:
        """The row of the supernet's training; None before it was begun."""
        return self._ledger.first_with_key(STAGE, self.name, KEY)

    @property
    def trains(self) -> bool:
        """Whether the supernet is being trained, by whatever coordinator."""
        return self.training is not None and not self.ended

    @property
    def ended(self) -> bool:
        """Whether its training has come to its end, good or bad."""
        return self.training is not None and self.training.state != "running"

    @property
    def found(self) -> Sequence[Mapping[str, Any]]:
        """What it hands over, the best first (see `Outcome.found`); nothing where the training failed."""
        row = self.training
        return row.outcome.found if row is not None and row.state == "complete" and row.outcome is not None else ()

    @property
    def seconds(self) -> float:
        """What the supernet's training took, of all workers that it had."""
        row = self.training
        return row.outcome.worker_seconds if row is not None and row.outcome is not None else 0.0

    def begin(self, seed: int) -> Row:
        """The row of the supernet's training: a new one, unless another coordinator was faster."""
        return begin_once(
            self._ledger, STAGE, self.name, KEY, seed=training_seed(seed, self.name, KEY), epochs=self._epochs, extra={}
        )

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        """The best of those found that was not proposed yet; to be asked only while there is one."""
        chosen = self.found[len(history.candidates)]
        note = {"shared_score": chosen["score"], "supernet_epoch": chosen["epoch"]}
        return Proposal(Architecture.from_json(chosen["architecture"]), note=note)


def begin_once(
    ledger: Ledger, stage: Stage, strategy: str, key: str, *, seed: int, epochs: float | None, extra: Mapping[str, Any]
) -> Row:
    """The strategy's row of this stage and key: a new one, unless there is one, of whatever coordinator."""
    while (row := ledger.first_with_key(stage, strategy, key)) is None:
        number = ledger.next_number(stage, strategy)
        try:
            return ledger.begin(stage=stage, strategy=strategy, key=key, seed=seed, epochs=epochs, extra=extra, number=number)
        except Overtaken:
            continue
    return row
