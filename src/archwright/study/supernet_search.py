"""A one-shot method as a strategy of a run: train one supernet, then propose the architectures that it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import History, Proposal
from archwright.evaluate.job import Stage, training_seed
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.search_space import SearchSpace

STAGE: Stage = "supernet"
KEY = "supernet"


class SupernetSearch:
    """Proposes what a one-shot method found by training its supernet. All state is read from the ledger.

    `epochs`: the maximum for the supernet's training.
    """

    def __init__(self, name: str, ledger: Ledger, epochs: float) -> None:
        self.name = name
        self._ledger = ledger
        self._epochs = epochs

    @property
    def training(self) -> Row | None:
        """The row of the supernet's training; None before it has begun."""
        return self._ledger.first_with_key(STAGE, self.name, KEY)

    @property
    def trains(self) -> bool:
        """Whether the supernet is being trained, by any coordinator."""
        return self.training is not None and not self.ended

    @property
    def ended(self) -> bool:
        """Whether the supernet's training has ended, successfully or not."""
        return self.training is not None and self.training.state != "running"

    @property
    def found(self) -> Sequence[Mapping[str, Any]]:
        """The derived candidates, best first (see `Outcome.found`); empty if the training failed."""
        row = self.training
        return row.outcome.found if row is not None and row.state == "complete" and row.outcome is not None else ()

    @property
    def seconds(self) -> float:
        """Worker-seconds of the supernet's training."""
        row = self.training
        return row.outcome.worker_seconds if row is not None and row.outcome is not None else 0.0

    def begin(self, seed: int) -> Row:
        """The row of the supernet's training: a new one, unless another coordinator has begun it."""
        row = Row(STAGE, self.name, key=KEY, seed=training_seed(seed, self.name, KEY), epochs=self._epochs)
        return self._ledger.begin_once(row)

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        """The best derived candidate not yet proposed; to be called only while there is one."""
        chosen = self.found[len(history.candidates)]
        note = {"shared_score": chosen["score"], "supernet_epoch": chosen["epoch"]}
        return Proposal(Architecture.from_json(chosen["architecture"]), note=note)
