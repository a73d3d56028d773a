"""The request for a run: one object for the command line and for Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf
from pathlib import Path
from typing import Any

from archwright.errors import InputError, UnknownSetting

DEFAULT_STRATEGIES = ("regularized_evolution",)
DEFAULT_TRIALS = 20
EXTENDABLE = ("trials", "minutes", "workers", "executor", "address", "cpus", "gpus", "devices", "out")
"""Fields whose value may change when a run is continued."""


@dataclass(frozen=True)
class Request:
    """One requested search. `trials` limits the trainings of each strategy, `minutes` the wall-clock time of the whole run.

    `space`, `baselines`: None means the defaults for the data (`with_usual`). `level`, `window`: for a text, what its tokens are
    and how many a network is trained on at a time. `settings` holds `--set KEY=VALUE`: `space.K`, `strategy.K` or `NAME.K`,
    `train.K`, `budget.K`. Limits of one training: `timeout` in seconds, `memory` in MB. Resources of one training: `cpus`, `gpus`
    (may be a fraction), and `devices`, the number of processes that train one network together in final trainings and in searches
    with shared weights. `study` is a name under which several machines share the run.
    """

    source: str
    space: str | None = None
    strategies: tuple[str, ...] = DEFAULT_STRATEGIES
    baselines: tuple[str, ...] | None = None
    trials: int | None = None
    minutes: float | None = None
    epochs: int | None = None
    top_k: int = 1
    seeds: int = 3
    seed: int = 0
    workers: int | None = None
    executor: str = "processes"
    address: str | None = None
    cpus: int | None = None
    gpus: float | None = None
    device: str = "auto"
    devices: int = 1
    objectives: tuple[str, ...] = ()
    task: str | None = None
    target: tuple[str, ...] = ()
    layout: str | None = None
    level: str | None = None
    window: int | None = None
    timeout: float | None = None
    memory: float | None = None
    storage: str | None = None
    study: str | None = None
    out: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    random: bool = True

    def __post_init__(self) -> None:
        if self.trials is not None and self.minutes is not None:
            raise InputError("both trials and minutes were given: limit the search by one of them")
        if self.trials is None and self.minutes is None:
            object.__setattr__(self, "trials", DEFAULT_TRIALS)
        for name in ("trials", "epochs", "top_k", "seeds", "seed", "workers", "cpus", "devices", "window"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, int):
                raise InputError(f"{name} is {value!r}: give a whole number")
        for name in ("minutes", "timeout", "memory", "gpus"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, (int, float)):
                raise InputError(f"{name} is {value!r}: give a number")
        above_zero = ("trials", "minutes", "epochs", "top_k", "seeds", "workers", "cpus", "devices", "timeout", "memory", "window")
        for name in above_zero:
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise InputError(f"{name} is {value}: give a number above zero")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}: give a whole number of at least 0")
        if not self.strategies:
            raise InputError("no strategy was given: name at least one, such as regularized_evolution")
        for name in ("strategies", "baselines"):
            given = getattr(self, name) or ()
            repeated = sorted({item for item in given if given.count(item) > 1})
            if repeated:
                raise InputError(f"the {name} list {', '.join(repeated)} more than once: name each one once")

    def with_usual(self, space: str, baselines: tuple[str, ...]) -> Request:
        """This request with the given space and baselines where none were requested."""
        return replace(
            self,
            space=space if self.space is None else self.space,
            baselines=baselines if self.baselines is None else self.baselines,
        )

    @property
    def all_strategies(self) -> tuple[str, ...]:
        """The requested strategies and, unless it is switched off, random search at the same cost."""
        if self.random and "random" not in self.strategies:
            return (*self.strategies, "random")
        return self.strategies

    @property
    def folder(self) -> Path:
        """The run folder: `out`, or by default runs/SOURCE-SPACE-STRATEGY (once the space is known)."""
        if self.out is not None:
            return Path(self.out)
        parts = (Path(self.source).stem or self.source, self.space or "", "+".join(self.strategies))
        return Path("runs") / "-".join(re.sub(r"[^A-Za-z0-9_.+]+", "_", part) for part in parts)

    def settings_for(self, owner: str, *aliases: str) -> dict[str, str]:
        """The `--set` keys that begin with `owner.` or one of its aliases, without that prefix."""
        prefixes = tuple(f"{name}." for name in (owner, *aliases))
        return {key[len(prefix) :]: value for key, value in self.settings.items() for prefix in prefixes if key.startswith(prefix)}

    def check_settings(self) -> None:
        """Raises UnknownSetting if a `--set` key has no known prefix."""
        known = ["space", "train", "budget", *self.all_strategies, *(["strategy"] if len(self.strategies) == 1 else [])]
        for key in self.settings:
            owner, dot, _ = key.rpartition(".")
            if not dot or owner not in known:
                raise UnknownSetting(f"--set {key}: begin the key with one of {', '.join(f'{name}.' for name in known)}")
        for key in self.settings:
            equivalent = f"{self.strategies[0]}.{key.removeprefix('strategy.')}"
            if key.startswith("strategy.") and equivalent in self.settings:
                raise UnknownSetting(f"--set {key} and --set {equivalent} are the same setting: give one of them")

    def fixed(self) -> dict[str, Any]:
        """The fields that must not change when the run is continued, as JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in EXTENDABLE}
        values["settings"] = dict(sorted(self.settings.items()))
        values["source"] = str(self.source)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
