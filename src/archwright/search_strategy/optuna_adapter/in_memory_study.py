"""An in-memory Optuna study that mirrors a history: trial N is candidate N."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Question
from archwright.architecture.variation import ask, questions_asked
from archwright.evaluate.history import Candidate, History
from archwright.search_space import SearchSpace

NOTE = "optuna"
"""The key of a candidate's note with the attributes that the sampler stored: `trial` on its trial, `study` on the study."""


class InMemoryStudy:
    """A study whose trials are the candidates of a history, on which Optuna's samplers propose.

    An answer is stored as its index among the options, since Optuna does not distinguish 1 from True. All objectives are scores,
    to be maximized. A candidate without scores (failed, refused, pruned) gets, for each objective, the worst score that its
    proposal had seen: samplers learn nothing from failed trials, and would keep proposing them. If it had seen none, it is a failed
    trial.
    """

    def __init__(self, space: SearchSpace, objectives: int) -> None:
        self.space = space
        self.objectives = objectives
        self.mirrored: list[Candidate | None] = []
        self.storage = InMemoryStorage()
        self.study = optuna.create_study(storage=self.storage, directions=["maximize"] * objectives)
        self.study_id = self.storage.get_study_id_from_name(self.study.study_name)

    def can_catch_up(self, space: SearchSpace, history: History) -> bool:
        """Whether `catch_up` can update this study to the history: it extends what the study holds, apart from running trials."""
        candidates = {candidate.number: candidate for candidate in history.candidates}
        return (
            space == self.space
            and len(history.objectives) == self.objectives
            and all(_same_or_finished_since(old, candidates.get(number)) for number, old in enumerate(self.mirrored))
        )

    def catch_up(self, history: History) -> None:
        """Adds new candidates, and finishes those that have finished since."""
        candidates = {candidate.number: candidate for candidate in history.candidates}
        for number in range(max(candidates, default=-1) + 1):
            candidate = candidates.get(number)
            if number == len(self.mirrored):
                self._add(candidate, history)
                self.mirrored.append(candidate)
            elif candidate is not self.mirrored[number]:
                self._finish(number, candidate, history)
                self.mirrored[number] = candidate

    def ask(self, sampler: BaseSampler) -> tuple[Architecture, dict[str, Any]]:
        """What the sampler proposes, and the attributes it stored. The trial remains running until the history holds it."""
        self.study.sampler = sampler
        before = self.storage.get_study_system_attrs(self.study_id)
        trial = self.study.ask()

        def suggest(question: Question) -> Any:
            return question.options[trial.suggest_categorical(question.name, _positions(question))]

        architecture = self.space.architecture(ask(self.space.decide, suggest)[1])
        after = self.storage.get_study_system_attrs(self.study_id)
        written = {
            "trial": self.storage.get_trial_system_attrs(self._trial_id(trial.number)),
            "study": {key: value for key, value in after.items() if before.get(key) != value},
        }
        note: dict[str, Any] = json.loads(json.dumps({part: attributes for part, attributes in written.items() if attributes}))
        self.mirrored.append(Candidate(trial.number, architecture, "", "running", note={NOTE: note}))
        return architecture, note

    def _add(self, candidate: Candidate | None, history: History) -> None:
        if candidate is None:  # a number missing from the history
            self.study.add_trial(create_trial(state=TrialState.FAIL))
            return
        self.study.add_trial(self._trial(candidate, history))
        for key, value in candidate.note.get(NOTE, {}).get("study", {}).items():
            self.storage.set_study_system_attr(self.study_id, key, value)

    def _trial(self, candidate: Candidate, history: History) -> FrozenTrial:
        answers = candidate.architecture.answers
        questions = questions_asked(self.space.decide, answers).values()
        state, values = _result(candidate, history)
        return create_trial(
            state=state,
            values=values,
            params={question.name: question.position(answers[question.name]) for question in questions},
            distributions={question.name: CategoricalDistribution(_positions(question)) for question in questions},
            system_attrs=candidate.note.get(NOTE, {}).get("trial", {}),
        )

    def _finish(self, number: int, candidate: Candidate | None, history: History) -> None:
        if candidate is not None and self.storage.get_trial(self._trial_id(number)).state == TrialState.RUNNING:
            self.storage.set_trial_state_values(self._trial_id(number), *_result(candidate, history))

    def _trial_id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Optuna's log messages and warnings: `limitations` says once what a sampler cannot model."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _positions(question: Question) -> tuple[int, ...]:
    return tuple(range(len(question.options)))


def _same_or_finished_since(old: Candidate | None, new: Candidate | None) -> bool:
    if old is new:
        return True
    if old is None or new is None or old.architecture != new.architecture or old.note != new.note:
        return False
    return old.state == "running" or (old.state, old.scores) == (new.state, new.scores)


def _result(candidate: Candidate, history: History) -> tuple[TrialState, Sequence[float] | None]:
    if candidate.state == "running":
        return TrialState.RUNNING, None
    scores = candidate.scores or _worst_seen(candidate, history)
    return (TrialState.COMPLETE, scores) if scores else (TrialState.FAIL, None)


def _worst_seen(candidate: Candidate, history: History) -> tuple[float, ...] | None:
    """The worst score per objective among the results that the proposal had seen; None if it had seen none."""
    seen = [scores for other in history.finished[: candidate.seen] if (scores := other.scores)]
    return tuple(min(values) for values in zip(*seen, strict=True)) if seen else None
