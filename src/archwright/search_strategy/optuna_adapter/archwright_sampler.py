"""The library's strategies as an Optuna sampler, for any Optuna study of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from random import Random, SystemRandom
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Option, Question
from archwright.architecture.variation import ask, questions_asked
from archwright.errors import InputError, UnknownAnswer
from archwright.evaluate.history import Candidate, History, Objective, Proposal, State, key_of
from archwright.search_space import SearchSpace
from archwright.search_strategy.strategy import MultiFidelityStrategy, Strategy

ATTRIBUTE = "archwright:proposal"
STATES: dict[TrialState, State] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


class ArchwrightSampler(BaseSampler):
    """Asks `strategy` for an architecture of `space` at the start of each trial; other parameters are sampled at random.

    For an objective that calls `space.decide(trial.suggest_categorical)`. The history is the study itself: its trials, with each
    proposal's parent and note in a system attribute of its trial. So the strategy resumes with the study, and is reproducible from
    `seed`. Raises InputError for a multi-fidelity strategy: an Optuna trial ends with a single result.
    """

    def __init__(self, strategy: Strategy, space: SearchSpace, seed: int | None = None) -> None:
        if isinstance(strategy, MultiFidelityStrategy):
            raise InputError(
                f"{type(strategy).__name__} trains most networks only in part, whereas an Optuna trial is one full training: "
                "use it with archwright search, or give another strategy here"
            )
        self.strategy = strategy
        self.space = space
        self.seed = SystemRandom().getrandbits(32) if seed is None else seed
        self._proposed: dict[int, tuple[Proposal, int]] = {}  # by trial, between inferring its questions and answering them
        self._read: dict[tuple[str, int], Candidate | None] = {}  # a cache of finished trials, by study and number

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Asks the strategy for a proposal, and returns the questions that it answers."""
        history = self._history(study, trial.number)
        rng = Random(f"{self.seed}/{type(self.strategy).__name__}/{trial.number}")
        proposal = self.strategy.propose(self.space, history, rng)
        self._proposed[trial.number] = proposal, len(history.finished)
        questions = questions_asked(self.space.decide, proposal.architecture.answers)
        return {name: CategoricalDistribution(question.options) for name, question in questions.items()}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """The proposal's answers; the proposal is stored with the trial, so that the strategy finds it in the history."""
        proposal, seen = self._proposed.pop(trial.number)
        answers = dict(proposal.architecture.answers)
        kept = {"answers": answers, "parent": proposal.parent, "note": dict(proposal.note), "seen": seen}
        study._storage.set_trial_system_attr(trial._trial_id, ATTRIBUTE, kept)  # as Optuna's own samplers do
        return answers

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """A random value for a parameter that is not a question of the space."""
        seed = Random(f"{self.seed}/{param_name}/{trial.number}").getrandbits(32)
        return RandomSampler(seed).sample_independent(study, trial, param_name, param_distribution)

    def _history(self, study: Study, number: int) -> History:
        """The study's trials, except trial `number`, as a history for the strategy."""
        maximize = [direction == StudyDirection.MAXIMIZE for direction in study.directions]
        objectives = tuple(Objective(f"value {i}", up) for i, up in enumerate(maximize))
        trials = [trial for trial in study.get_trials(deepcopy=False) if trial.number != number]
        finished = sorted((trial for trial in trials if trial.state.is_finished()), key=_completion)
        pending = [trial for trial in trials if trial.state == TrialState.RUNNING]
        return History(
            objectives,
            [candidate for trial in finished if (candidate := self._finished(study, trial, objectives))],
            [candidate for trial in pending if (candidate := self._candidate(trial, objectives))],
        )

    def _finished(self, study: Study, trial: FrozenTrial, objectives: Sequence[Objective]) -> Candidate | None:
        """The candidate of a finished trial, read once and cached."""
        key = (study.study_name, trial.number)
        if key not in self._read:
            self._read[key] = self._candidate(trial, objectives)
        return self._read[key]

    def _candidate(self, trial: FrozenTrial, objectives: Sequence[Objective]) -> Candidate | None:
        """None if the trial's answers are unknown: it stopped before it suggested any, or belongs to another space."""
        kept = trial.system_attrs.get(ATTRIBUTE, {})
        architecture = self._architecture(trial.params) or self._architecture(kept.get("answers", {}))
        if architecture is None:
            return None
        if kept.get("answers") != architecture.answers:  # enqueued by the user: the proposal was not tried
            kept = {}
        scores = _scores(trial, objectives)
        return Candidate(
            number=trial.number,
            architecture=architecture,
            key=key_of(self.space, architecture),
            state=STATES.get(trial.state, "running") if scores or trial.state != TrialState.COMPLETE else "failed",
            scores=scores,
            parent=kept.get("parent"),
            note=kept.get("note", {}),
            seen=kept.get("seen", 0),
        )

    def _architecture(self, answers: Mapping[str, Any]) -> Architecture | None:
        """The architecture given by a trial's parameters; None if a question of the space is unanswered."""
        try:
            return self.space.architecture(ask(self.space.decide, lambda question: _given(answers, question))[1])
        except UnknownAnswer:
            return None


def _given(answers: Mapping[str, Any], question: Question) -> Option:
    if question.name not in answers:
        raise UnknownAnswer(f"no answer to {question.name!r}")
    answer: Option = answers[question.name]
    return answer


def _completion(trial: FrozenTrial) -> tuple[datetime, int]:
    return trial.datetime_complete or datetime.max, trial.number


def _scores(trial: FrozenTrial, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """The trial's scores, higher is better; None unless it is complete and its values are finite."""
    if trial.state != TrialState.COMPLETE or not all(isfinite(value) for value in trial.values):
        return None
    return tuple(objective.score(value) for objective, value in zip(objectives, trial.values, strict=True))
