"""A read-only view of a run for Optuna's dashboard: only its own studies, with notes and learning curves added."""

from __future__ import annotations

import copy
from collections.abc import Container
from threading import Lock
from typing import Any, NoReturn

from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from archwright.ledger.row import Row, row_of
from archwright.report.dashboard_note import attributes_of, curve_of, note_of

DRAWINGS = "/drawings/"
"""The address of an architecture's picture is DRAWINGS + trial id + ".svg"."""
NOTE_PART = 2045
"""The number of characters of a note that Optuna's dashboard keeps in one attribute."""


class DashboardStorage(BaseStorage):
    """A view of the run `run_id` in `storage`. What another process writes to the run is visible at once.

    Notes, curves and attributes are computed from the ledger's rows on demand. Every method that would write raises TypeError.
    """

    def __init__(self, storage: BaseStorage, run_id: str, metric: str) -> None:
        self._storage = storage
        self._prefix = f"{run_id}/"
        self._metric = metric
        self._finished: dict[int, tuple[FrozenTrial, str]] = {}
        self._lock = Lock()

    def row(self, trial_id: int) -> Row | None:
        """The row behind a trial of this run; None if there is none."""
        for study in self._own_studies():
            for trial in self._storage.get_all_trials(study._study_id, deepcopy=False):
                if trial._trial_id == trial_id:
                    return row_of(trial)
        return None

    def get_all_studies(self) -> list[FrozenStudy]:
        return [self._shown_study(study) for study in self._own_studies()]

    def _own_studies(self) -> list[FrozenStudy]:
        return [study for study in self._storage.get_all_studies() if study.study_name.startswith(self._prefix)]

    def _shown_study(self, study: FrozenStudy) -> FrozenStudy:
        return FrozenStudy(
            study_name=study.study_name.removeprefix(self._prefix),
            direction=None,
            user_attrs={},
            system_attrs=self.get_study_system_attrs(study._study_id),
            study_id=study._study_id,
            directions=study.directions,
        )

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=False, states=states)
        shown = [self._shown(trial)[0] for trial in trials]
        return copy.deepcopy(shown) if deepcopy else shown

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._shown(self._storage.get_trial(trial_id))[0]

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """The notes of all trials, in the dashboard's format."""
        attributes: dict[str, Any] = {}
        for trial in self._storage.get_all_trials(study_id, deepcopy=False):
            note = self._shown(trial)[1]
            attributes[f"dashboard:{trial._trial_id}:note_ver"] = 1
            for part, start in enumerate(range(0, len(note), NOTE_PART)):
                attributes[f"dashboard:{trial._trial_id}:note_str:{part}"] = note[start : start + NOTE_PART]
        return attributes

    def _shown(self, trial: FrozenTrial) -> tuple[FrozenTrial, str]:
        """The trial with its curve, and its note; computed only once for a finished trial."""
        with self._lock:
            known = self._finished.get(trial._trial_id)
        if known is not None:
            return known
        row = row_of(trial)
        if row is None:
            return trial, ""
        shown = copy.copy(trial)
        shown.user_attrs = attributes_of(row)
        shown.intermediate_values = curve_of(row, self._metric)
        result = shown, note_of(row, self._metric, f"{DRAWINGS}{trial._trial_id}.svg")
        if trial.state.is_finished():
            with self._lock:
                self._finished[trial._trial_id] = result
        return result

    def get_study_id_from_name(self, study_name: str) -> int:
        return self._storage.get_study_id_from_name(self._prefix + study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._storage.get_study_name_from_id(study_id).removeprefix(self._prefix)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return {}

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the dashboard is read-only")

    create_new_study = delete_study = set_study_user_attr = set_study_system_attr = _refuse
    create_new_trial = set_trial_param = set_trial_state_values = set_trial_intermediate_value = _refuse
    set_trial_user_attr = set_trial_system_attr = _refuse
