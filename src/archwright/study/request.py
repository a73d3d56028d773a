"""The request for a run: the single source of the command's options, of `archwright.search`'s, and of the run folder's record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Self

from archwright.data.arrays import Arrays
from archwright.errors import InputError, UnknownSetting, did_you_mean
from archwright.one_shot.method import OneShotMethod
from archwright.search_space.search_space import SearchSpace
from archwright.search_strategy.strategy import Strategy
from archwright.settings import listed, option, settings_of
from archwright.study.strategies_by_name import name_of

DEFAULT_STRATEGIES = ("regularized_evolution",)
DEFAULT_TRIALS = 20
SECONDS_PER_MINUTE = 60.0
EXTENDABLE = ("trials", "minutes", "workers", "executor", "address", "cpus", "gpus", "devices", "out")
"""Fields whose value may change when a run is continued."""
ABOVE_ZERO = ("trials", "minutes", "epochs", "top_k", "seeds", "workers", "cpus", "devices", "timeout", "memory", "window")


@dataclass(frozen=True)
class Request:
    """One requested search. `trials` limits the trainings of each strategy, `minutes` the wall-clock time of the whole run.

    `source`: the name of a data set, a path, `Arrays`, or a pair (x, y). `space`, `strategies`: names, `module:Class`, or objects.
    `space`, `baselines`: None means the defaults for the data (`with_usual`). `settings`: `space.K`, `strategy.K` or `NAME.K`,
    `train.K`, `budget.K`, with values of their own types or as text. Limits of one training: `timeout` in seconds, `memory` in MB.
    Resources of one training: `cpus`, `gpus` (may be a fraction), and `devices`, the number of processes that train one network
    together in final trainings and in searches with shared weights. Lists may also be given as comma-separated text.
    Raises InputError for values that no run could have.
    """

    source: str | Path | Arrays = option(
        MISSING, "A data set by name, a .npz, .csv or .txt file, or a folder of IDX files or images."
    )
    space: str | SearchSpace | None = option(None, "Search space: a name or module:Class. Default: chain, or recurrent for text.")
    strategies: tuple[str | Strategy | OneShotMethod, ...] = option(
        DEFAULT_STRATEGIES, "Strategies, comma-separated: names or module:Class.", option="strategy"
    )
    baselines: tuple[str, ...] | None = option(
        None, "Baselines, comma-separated; '' for none. Default: resnet-tiny,resnet18,random_forest, or lstm,gru for text."
    )
    trials: int | None = option(None, "Search budget per strategy, in full trainings.")
    minutes: float | None = option(None, "Time budget for the whole run, in minutes of wall-clock time.")
    epochs: int | None = option(None, "Maximum number of epochs per training.")
    top_k: int = option(1, "Number of best candidates per strategy to retrain from scratch.")
    seeds: int = option(3, "Final trainings per network, each with its own seed.")
    seed: int = option(0, "Random seed of the run.")
    workers: int | None = option(None, "Number of trainings to run in parallel. Default: 1, or one per core with --minutes.")
    executor: str = option("processes", "Where trainings run: processes, serial, ray (cluster), mpi (under mpiexec), or a plug-in.")
    address: str | None = option(None, "Ray cluster to join: auto or HOST:PORT. Default: RAY_ADDRESS, else a local cluster.")
    cpus: int | None = option(None, "CPU cores per training. Default: an equal share for each worker.")
    gpus: float | None = option(None, "Fraction of a GPU per training, from 0 to 1.")
    device: str = option("auto", "Device to run on: auto, cpu, cuda or cuda:N.")
    devices: int = option(1, "GPUs, or CPU processes, that train one network together (final trainings and supernets).")
    objectives: tuple[str, ...] = option((), "Objectives, comma-separated, such as accuracy,macs; the first is primary.")
    task: str | None = option(
        None, "classification, multi_label, regression or language_modelling. Default: inferred from the data."
    )
    target: tuple[str, ...] = option((), "Target column or columns of a CSV file.", metavar="COL[,COL]")
    layout: str | None = option(None, "How to interpret arrays of ambiguous shape: flat, series or image.")
    level: str | None = option(None, "Tokens of a text: character or word. Default: character for a .txt file.")
    window: int | None = option(None, "Tokens per training sequence of a text.")
    timeout: float | None = option(None, "Time limit per training, in seconds.")
    memory: float | None = option(None, "Memory limit per training, in MB.")
    storage: str | None = option(None, "Ledger storage: postgresql://... or journal:PATH. Default: study.db in the run folder.")
    study: str | None = option(None, "Name of a run shared by machines without a common folder; requires PostgreSQL storage.")
    out: Path | None = option(None, "Run folder. Default: runs/SOURCE-SPACE-STRATEGY.")
    settings: Mapping[str, Any] = option({}, "Change a setting; may be repeated.", option="set", metavar="KEY=VALUE")
    random: bool = option(True, "Skip random search at the same cost.")

    @classmethod
    def of(cls, source: Any, options: Mapping[str, Any]) -> Self:
        """The request with these options, by their names for users. Raises InputError for an unknown one."""
        names = {f.metadata.get("option", f.name): f.name for f in fields(cls) if f.name not in ("source", "settings")}
        names["settings"] = "settings"
        for name in options:
            if name not in names:
                raise InputError(f"search has no option {name!r}{did_you_mean(name, names)}: it takes {', '.join(names)}")
        return cls(source, **{names[name]: value for name, value in options.items()})

    def __post_init__(self) -> None:
        self._convert()
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
        for name in ABOVE_ZERO:
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise InputError(f"{name} is {value}: give a number above zero")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}: give a whole number of at least 0")
        if not self.strategies:
            raise InputError("no strategy was given: name at least one, such as regularized_evolution")
        for kind, names in (("strategies", self.strategy_names), ("baselines", self.baselines or ())):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise InputError(f"the {kind} list {', '.join(repeated)} more than once: name each one once")

    def _convert(self) -> None:
        """From what is convenient to give to what the fields hold."""
        convert = object.__setattr__
        if isinstance(self.source, tuple):
            convert(self, "source", Arrays(x=self.source[0], y=self.source[1]))
        for name in ("strategies", "baselines", "objectives", "target"):
            convert(self, name, listed(getattr(self, name)))
        convert(self, "settings", self.settings or {})
        if self.out is not None:
            convert(self, "out", Path(self.out))
        if not isinstance(self.space, (str, SearchSpace, type(None))):
            raise InputError(f"space is {self.space!r}: give a name, module:Class or a SearchSpace")

    def with_usual(self, space: str, baselines: tuple[str, ...]) -> Self:
        """This request with the given space and baselines where none were requested."""
        return replace(
            self,
            space=space if self.space is None else self.space,
            baselines=baselines if self.baselines is None else self.baselines,
        )

    @property
    def seconds(self) -> float | None:
        """The wall-clock time for the whole run; None if it is limited by trials."""
        return None if self.minutes is None else SECONDS_PER_MINUTE * self.minutes

    @property
    def source_name(self) -> str:
        """The source as text: the name of a data set or of arrays, or a path."""
        return self.source.name if isinstance(self.source, Arrays) else str(self.source)

    @property
    def space_name(self) -> str | None:
        """The name of the space, or `module:Class`; None if it was not requested."""
        return self.space.reference if isinstance(self.space, SearchSpace) else self.space

    @property
    def strategy_names(self) -> tuple[str, ...]:
        """The names of the requested strategies, or `module:Class`."""
        return tuple(map(name_of, self.strategies))

    @property
    def all_strategies(self) -> dict[str, str | Strategy | OneShotMethod]:
        """By name: the requested strategies and, unless it is switched off, random search at the same cost."""
        requested = dict(zip(self.strategy_names, self.strategies, strict=True))
        return {**requested, "random": requested.get("random", "random")} if self.random else requested

    @property
    def folder(self) -> Path:
        """The run folder: `out`, or by default runs/SOURCE-SPACE-STRATEGY (once the space is known)."""
        if self.out is not None:
            return self.out
        parts = (Path(self.source_name).stem or self.source_name, self.space_name or "", "+".join(self.strategy_names))
        return Path("runs") / "-".join(re.sub(r"[^A-Za-z0-9_.+]+", "_", part) for part in parts)

    def settings_for(self, owner: str, *aliases: str) -> dict[str, Any]:
        """The settings whose keys begin with `owner.` or one of its aliases, without that prefix."""
        prefixes = tuple(f"{name}." for name in (owner, *aliases))
        return {key[len(prefix) :]: value for key, value in self.settings.items() for prefix in prefixes if key.startswith(prefix)}

    def check_settings(self) -> None:
        """Raises UnknownSetting if the key of a setting has no known prefix."""
        known = ["space", "train", "budget", *self.all_strategies, *(["strategy"] if len(self.strategies) == 1 else [])]
        for key in self.settings:
            owner, dot, _ = key.rpartition(".")
            if not dot or owner not in known:
                raise UnknownSetting(f"--set {key}: begin the key with one of {', '.join(f'{name}.' for name in known)}")
        for key in self.settings:
            equivalent = f"{self.strategy_names[0]}.{key.removeprefix('strategy.')}"
            if key.startswith("strategy.") and equivalent in self.settings:
                raise UnknownSetting(f"--set {key} and --set {equivalent} are the same setting: give one of them")

    def fixed(self) -> dict[str, Any]:
        """The fields that must not change when the run is continued, as JSON: objects by name, with their settings as text."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in EXTENDABLE}
        values |= {"source": self.source_name, "space": self.space_name, "strategies": self.strategy_names}
        values["settings"] = {key: str(value) for key, value in sorted({**self._settings_of_objects, **self.settings}.items())}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @property
    def _settings_of_objects(self) -> dict[str, Any]:
        """The settings of a space and of strategies that were given as objects."""
        given = {"space": self.space, **self.all_strategies}
        objects = {name: item for name, item in given.items() if is_dataclass(item)}
        return {f"{name}.{key}": value for name, item in objects.items() for key, value in settings_of(item).items()}
