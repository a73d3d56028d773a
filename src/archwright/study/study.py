"""A search loop of one's own: ask for an architecture, evaluate it in any way, tell its score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, SupportsFloat

from archwright.architecture.architecture import Architecture
from archwright.errors import InputError, RunFolderError
from archwright.evaluate.history import Candidate, History, Objective
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import AlreadyTaken, Ledger
from archwright.ledger.row import Row
from archwright.search_space import SearchSpace, make_space
from archwright.search_strategy import MultiFidelityStrategy, Strategy, make_strategy, searched_space, sized_for_budget
from archwright.settings import settings_of
from archwright.study.components import load_data
from archwright.study.request import Request
from archwright.study.strategies_by_name import is_one_shot, name_of
from archwright.study.strategy_run import StrategyRun

OBJECTIVES = (Objective("score", maximize=True),)
WHOLE = 1.0
"""The epochs of a full training where nobody counts them."""


@dataclass(frozen=True)
class OpenProposal:
    """What `Study.ask` returns: an architecture to evaluate, until `Study.tell` is given its score.

    `number`: within the study. `seed`: for its training, the same whenever and wherever that runs. With a multi-fidelity strategy,
    `epochs`: after how many it is to be scored; `continues`: the number of the earlier proposal whose training it continues.
    """

    number: int
    architecture: Architecture
    seed: int
    epochs: float | None = None
    continues: int | None = None


class Study:
    """A search by `strategy` in `space`, one proposal at a time.

        study = archwright.Study("nasbench201", "regularized_evolution", seed=1)
        for _ in range(100):
            proposal = study.ask()
            study.tell(proposal, my_score(proposal.architecture))
        print(study.best.architecture)

    `space`, `strategy`: by name, as `module:Class`, or objects. `data`: what the space is fitted to, as for `archwright.search`.
    `storage`: None keeps the study in memory; the path of a SQLite file, `journal:PATH` or `postgresql://...` stores it, and the
    same call continues it, open proposals first. In the latter two several processes may share it. `name`: distinguishes the
    studies in a storage. `trials`: how many are planned, if known; sizes that a strategy leaves unset follow from it. `epochs`: of
    a full training, which a multi-fidelity strategy needs.
    Raises InputError for anything unknown or unsuitable, RunFolderError if the storage holds another study of this name.
    """

    def __init__(
        self,
        space: str | SearchSpace,
        strategy: str | Strategy = "regularized_evolution",
        *,
        seed: int = 0,
        data: Any = None,
        storage: str | Path | None = None,
        name: str = "study",
        trials: int | None = None,
        epochs: float | None = None,
    ) -> None:
        made = make_space(space) if isinstance(space, str) else space
        if data is not None:
            made = made.for_problem(load_data(Request(data)).problem)
        own_name, sized = name_of(strategy), sized_for_budget(_made(strategy), trials)
        if isinstance(sized, MultiFidelityStrategy) and epochs is None:
            raise InputError(f"strategy {own_name!r} trains most networks in part: give the epochs of a full one, as epochs=27")
        searched = searched_space(sized, made)
        self._has_epochs = epochs is not None
        self._ledger = Ledger.open(_url(storage), Path(), name)
        self._run = StrategyRun(own_name, sized, searched, self._ledger, OBJECTIVES, epochs or WHOLE, seed)
        self._check(
            {
                "space": made.reference,
                "space_settings": settings_of(made),
                "strategy": own_name,
                "strategy_settings": settings_of(strategy) if is_dataclass(strategy) else {},
                "seed": seed,
            }
        )
        self._rows: dict[int, Row] = {}
        self._abandoned = self._ledger.running()

    def ask(self) -> OpenProposal | None:
        """The next proposal: a network that this study has not seen. Several may be open at a time.

        None if nothing new is to be expected (`exhausted`), or if the strategy first needs the score of an open proposal.
        """
        row = self._take_up() or self._run.ask()
        if row is None:  # perhaps another process has left something
            self._abandoned = self._ledger.running()
            row = self._take_up()
        if row is None:
            return None
        self._rows[row.number] = row
        return self._open(row)

    def tell(self, proposal: OpenProposal, score: float | None) -> None:
        """Record the score of an open proposal: higher is better, None for a failure (as is a score that is not finite).

        Raises InputError if the score is no number, or the proposal not open: it was told before, or is another study's.
        """
        if score is not None and not isinstance(score, SupportsFloat):
            raise InputError(f"the score of proposal {proposal.number} is {score!r}: tell a number, or None for a failure")
        row = self._rows.get(proposal.number)
        if row is None or row.architecture != proposal.architecture:
            raise InputError(f"proposal {proposal.number} is not open in this study: tell each proposal of `ask` once")
        failed = Outcome("failed", cause="told as a failure")
        self._run.tell(row, failed if score is None else Outcome("complete", metrics={"score": float(score)}))
        del self._rows[proposal.number]

    @property
    def space(self) -> SearchSpace:
        """The space that is searched, fitted to the data."""
        return self._run.space

    @property
    def open(self) -> Sequence[OpenProposal]:
        """The proposals that were asked for here and not told yet."""
        return [self._open(row) for row in self._rows.values()]

    @property
    def best(self) -> Candidate | None:
        """The candidate with the highest score so far; None before the first."""
        return self.history.best()

    @property
    def history(self) -> History:
        """Everything proposed so far, as the strategy sees it."""
        return self._run.history

    @property
    def exhausted(self) -> bool:
        """Whether nothing new is to be expected: a thousand proposals in a row were known networks."""
        return self._run.exhausted

    def close(self) -> None:
        """Release the storage: other processes may then take up the open proposals."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _take_up(self) -> Row | None:
        """A proposal that was open in a process that is gone."""
        while self._abandoned:
            row = self._abandoned.pop(0)
            known = self._run.known(row)
            if known is None:
                with suppress(AlreadyTaken):
                    self._ledger.attempt(row)
                    return row
            elif not self._run.is_pending(known):
                self._run.copy_result(row, known)
        return None

    def _open(self, row: Row) -> OpenProposal:
        assert row.architecture is not None
        return OpenProposal(row.number, row.architecture, row.seed, row.epochs if self._has_epochs else None, row.continues)

    def _check(self, wanted: dict[str, Any]) -> None:
        """Compare with the study that the storage holds, or store what this one is."""
        wanted = json.loads(json.dumps(wanted))
        stored = self._ledger.set_default("study", wanted)
        changed = [f"{key} was {stored.get(key)!r} and is now {wanted[key]!r}" for key in wanted if stored.get(key) != wanted[key]]
        if changed:
            self._ledger.close()
            raise RunFolderError(f"the storage holds another study ({'; '.join(changed)}): give another name or storage")


def _made(strategy: str | Strategy) -> Strategy:
    if is_one_shot(strategy):
        raise InputError(
            f"strategy {name_of(strategy)!r} trains a supernet, and a study one network at a time: use archwright.search"
        )
    return make_strategy(strategy) if isinstance(strategy, str) else strategy


def _url(storage: str | Path | None) -> str:
    """The storage as the ledger names it: a plain path is a SQLite file."""
    if storage is None:
        return "memory:"
    return str(storage) if ":" in str(storage) else f"sqlite:///{storage}"
