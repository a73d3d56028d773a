"""The jobs of a run: what each row of the ledger asks of a worker, within the limits of the time plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from random import Random
from statistics import mean
from typing import Any

import torch

from archwright.cost.parameters import parameter_count
from archwright.evaluate.job import Job, Stage
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.network.baselines import is_network
from archwright.search_strategy import MultiFidelityStrategy
from archwright.settings import settings_of
from archwright.study.components import Components
from archwright.study.run_folder import RunFolder, training_key
from archwright.study.shared_weight_scores import architectures_of
from archwright.study.supernet_search import KEY
from archwright.study.time_plan import FINAL, LEAST_SEARCH_EPOCHS, SPACE, TimePlan

ON_SEVERAL_DEVICES = ("final", "baseline", "supernet")
"""Stages with few, long trainings, each of which may use several devices."""
SIZED_ARCHITECTURES = 20
"""Sampled networks of the space whose mean size is given to a text baseline."""
PROBED_ARCHITECTURES = 4
PROBE_SHARE, LEAST_PROBE_SECONDS = 0.03, 20.0
"""A network that cannot be measured within this share of the run's time (at least these seconds) is too slow."""


class Jobs:
    """Makes the jobs of one run. `threads`: of each worker."""

    def __init__(self, components: Components, folder: RunFolder, ledger: Ledger, threads: int) -> None:
        self._components = components
        self._request = components.request
        self._problem = components.data.problem
        self._folder = folder
        self._ledger = ledger
        self._common: dict[str, Any] = {
            "data": str(folder.data),
            "recipe": settings_of(components.recipe),
            "device": components.request.device,
            "threads": threads,
            "memory_limit": components.request.memory,
        }

    def of(self, row: Row, plan: TimePlan) -> Job:
        """The job of a row."""
        full_epochs = plan.search_epochs if row.stage == "search" else row.epochs or 1.0
        devices = self.devices(row.stage, row.baseline)
        return Job(
            key=training_key(row),
            stage=row.stage,
            folder=str(self._folder.training_of(row)),
            seed=row.seed,
            epochs=full_epochs,
            share=(row.epochs or full_epochs) / full_epochs,
            continues=self._continued(row),
            architecture=row.architecture.to_json() if row.architecture is not None else None,
            **self._baseline(row.baseline),
            supernet=self._supernet(row),
            devices=devices,
            time_limit=self._request.timeout,
            epoch_seconds_limit=self._epoch_limit(row, plan),
            time_goal=self._time_goal(row, plan, devices),
            least_epochs=LEAST_SEARCH_EPOCHS if row.stage in ("search", "supernet") else 1.0,
            **self._common,
        )

    def probes(self) -> dict[str, list[Job]]:
        """The jobs that measure the time per epoch of some networks of the space and of each baseline, by name."""
        rng, space = Random(f"{self._request.seed}/probe"), self._components.space
        sampled = [space.sample(rng).to_json() for _ in range(PROBED_ARCHITECTURES)]
        probes = {SPACE: [self._probe(f"probe-space-{i}", architecture=one) for i, one in enumerate(sampled)]}
        if self._request.devices > 1:
            probes[FINAL] = [self._probe(f"probe-final-{i}", FINAL, architecture=one) for i, one in enumerate(sampled)]
        for name in self._request.baselines or ():
            probes[name] = [self._probe(f"probe-{name}", "baseline", **self._baseline(name))]
        return probes

    def devices(self, stage: Stage, baseline: str | None = None) -> int:
        """The devices that a training of this stage uses; a classical model is fitted in one process."""
        fitted = baseline is not None and not is_network(baseline)
        return self._request.devices if stage in ON_SEVERAL_DEVICES and not fitted else 1

    def _probe(self, key: str, measured_stage: Stage = "search", **subject: Any) -> Job:
        """`measured_stage`: the stage whose trainings the job stands for."""
        return Job(
            key=key,
            stage="probe",
            folder=str(self._folder.path / "trainings" / key),
            seed=self._request.seed,
            epochs=1.0,
            devices=self.devices(measured_stage, subject.get("baseline")),
            time_limit=max(LEAST_PROBE_SECONDS, PROBE_SHARE * (self._request.seconds or 0.0)),
            **subject,
            **self._common,
        )

    def _epoch_limit(self, row: Row, plan: TimePlan) -> float | None:
        """Slow candidates are refused, except those derived from a supernet, whose training would have been wasted."""
        return plan.epoch_limit if row.stage == "search" and row.strategy not in self._components.one_shot else None

    def _time_goal(self, row: Row, plan: TimePlan, devices: int) -> float | None:
        if row.stage == "supernet" and self._components.one_shot[row.strategy].epochs is not None:
            return None
        strategy = self._components.strategies.get(row.strategy)
        multi_fidelity = row.stage == "search" and isinstance(strategy, MultiFidelityStrategy)
        return plan.seconds(row.stage, devices, multi_fidelity=multi_fidelity)

    def _continued(self, row: Row) -> str | None:
        """The folder of the training that this one continues."""
        shorter = self._ledger.search_row(row.strategy, row.continues) if row.continues is not None else None
        return str(self._folder.training_of(shorter)) if shorter is not None else None

    def _baseline(self, name: str | None) -> dict[str, Any]:
        """The fields of a job that describe a baseline; a text baseline is made as large as the searched networks."""
        if name is None or self._problem.level is None:
            return {"baseline": name}
        return {"baseline": name, "baseline_parameters": self._mean_parameters}

    @cached_property
    def _mean_parameters(self) -> int:
        """The mean number of parameters of some sampled networks of the space."""
        space, rng = self._components.space, Random(f"{self._request.seed}/size")
        with torch.device("meta"):
            networks = [space.network(space.sample(rng), self._problem) for _ in range(SIZED_ARCHITECTURES)]
        return round(mean(map(parameter_count, networks)))

    def _supernet(self, row: Row) -> Mapping[str, Any] | None:
        """The description of the supernet that a job trains or scores candidates with; None for other jobs."""
        if row.stage not in ("supernet", "shared_scores"):
            return None
        space, method = self._components.space, self._components.one_shot[row.strategy]
        supernet = {
            "space": space.reference,
            "space_settings": settings_of(space),
            "method": row.strategy,
            "method_settings": settings_of(method),
        }
        if row.stage == "supernet":
            return supernet
        trained = self._ledger.first_with_key("supernet", row.strategy, KEY)
        assert trained is not None
        architectures: Sequence[Any] = [architecture.to_json() for architecture in architectures_of(row, self._ledger)]
        return {**supernet, "trained": str(self._folder.training_of(trained)), "architectures": architectures}
