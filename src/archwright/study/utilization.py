"""How busy the workers were: without barriers between trainings, workers should be idle only at the end of a stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from archwright.ledger.ledger import Ledger

SETTING = "occupation "


class Utilization:
    """Worker-seconds of one stage in one start of one coordinator. A training on several devices takes as many workers.

    `trainings`: how many have begun.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers = workers
        self._clock = clock
        self._start = clock()
        self._busy = 0.0
        self.trainings = 0
        self._begun: dict[str, tuple[float, int]] = {}

    def begins(self, key: str, workers: int) -> None:
        """A training begins, which takes this many workers."""
        self.trainings += 1
        self._begun[key] = (self._clock(), workers)

    def ends(self, key: str) -> None:
        """The training has ended."""
        begun, workers = self._begun.pop(key, (self._clock(), 0))
        self._busy += workers * (self._clock() - begun)

    @property
    def idle_share(self) -> float:
        """The share of all worker-seconds so far in which no training ran, between 0 and 1."""
        return _idle_share(self.to_json())

    def to_json(self) -> dict[str, float]:
        """All worker-seconds (`available`), and those in which trainings ran (`busy`)."""
        return {"available": round(self._workers * (self._clock() - self._start), 3), "busy": round(self._busy, 3)}


def store_utilization(stage: str, utilization: Utilization, ledger: Ledger) -> None:
    """Add a finished stage to the totals of the run; a start that was killed leaves no record."""
    name = f"{SETTING}{stage}/{ledger.coordinator}"
    ledger.set_setting(name, _added(ledger.setting(name, {}), utilization.to_json()))


def idle_shares(ledger: Ledger) -> dict[str, float]:
    """The idle share of the worker-seconds of all coordinators, per stage, between 0 and 1."""
    sums: dict[str, dict[str, float]] = {}
    for name, seconds in ledger.settings_of_all(SETTING).items():
        stage = name.partition("/")[0]
        sums[stage] = _added(sums.get(stage, {}), seconds)
    return {stage: _idle_share(total) for stage, total in sums.items()}


def _idle_share(seconds: Mapping[str, float]) -> float:
    return max(0.0, 1 - seconds["busy"] / seconds["available"]) if seconds["available"] else 0.0


def _added(known: Mapping[str, Any], more: Mapping[str, float]) -> dict[str, float]:
    return {name: float(known.get(name, 0.0)) + value for name, value in more.items()}
