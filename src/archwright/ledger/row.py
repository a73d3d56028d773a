"""A row of the ledger, and how it is stored in an Optuna trial.

Everything known when a training begins is stored when the trial is created, in one transaction. The result is one more attribute.
Optuna's own fields (parameters, state, values) repeat this for its samplers and its dashboard. The attributes are authoritative:
an option may be 1 in one question and True in another, which Optuna does not distinguish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Option, Question
from archwright.evaluate.history import Candidate, Objective, State
from archwright.evaluate.job import Outcome, Stage
from archwright.ledger.json_file import without_nan

BEGUN, ATTEMPT, RESULT = "archwright:begun", "archwright:attempt", "archwright:result"
"""The attributes of a trial: what is known when it begins, who works on it (after a restart), and its result."""


@dataclass(frozen=True)
class Row:
    """One proposal, final training or baseline, and its result: also what a caller gives to `Ledger.begin`, still without numbers.

    `run_number` is unique within the run, `number` within the Optuna study. `parent` and `continues` are numbers of rows in the
    same strategy's search; the training resumes that of `continues`. `seen`: how many results the proposal was based on. `epochs`:
    the epochs after which a full training is evaluated (the outcome says how many it had). `sequence`: its position among the
    study's finished rows, in order of completion. `coordinator`: who works on it. `attempts`: how often it was started, not
    counting attempts that ended with their coordinator. `scores`: one per objective, higher is better.
    """

    stage: Stage
    strategy: str = ""
    run_number: int = -1
    number: int = -1
    trial_id: int = -1
    state: State = "running"
    cause: str = ""
    architecture: Architecture | None = None
    baseline: str | None = None
    key: str = ""
    parent: int | None = None
    continues: int | None = None
    note: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    seen: int = 0
    epochs: float | None = None
    sequence: int | None = None
    outcome: Outcome | None = None
    scores: tuple[float, ...] | None = None
    coordinator: str = ""
    attempts: int = 1
    token: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def study(self) -> str:
        return study_name(self.stage, self.strategy)

    @property
    def worker(self) -> str:
        return self.outcome.worker if self.outcome is not None else ""

    def candidate(self) -> Candidate:
        """The row as strategies see it."""
        assert self.architecture is not None
        return Candidate(
            number=self.number,
            architecture=self.architecture,
            key=self.key,
            state=self.state,
            scores=self.scores,
            parent=self.parent,
            epochs=self.epochs,
            note=self.note,
            seen=self.seen,
            continues=self.continues,
        )


def study_name(stage: Stage, strategy: str) -> str:
    """The Optuna study of a row within the run: one per search strategy, and one for everything else."""
    return f"search/{strategy}" if stage == "search" else "final"


AT_BEGIN = ("stage", "strategy", "baseline", "key", "parent", "continues", "seed", "seen", "epochs", "coordinator", "token")


def begun_attribute(row: Row) -> dict[str, Any]:
    """Everything known when the training begins."""
    return without_nan(  # type: ignore[no-any-return]
        {
            **{name: getattr(row, name) for name in AT_BEGIN},
            "number": row.run_number,
            "architecture": row.architecture.to_json() if row.architecture is not None else None,
            "note": row.note,
            "extra": row.extra,
        }
    )


def result_attribute(row: Row) -> dict[str, Any]:
    """The result of the training."""
    outcome = row.outcome.to_json() if row.outcome is not None else None
    result = {"state": row.state, "cause": row.cause, "sequence": row.sequence, "scores": row.scores, "outcome": outcome}
    return without_nan(result)  # type: ignore[no-any-return]


def row_of(trial: FrozenTrial) -> Row | None:
    """The row stored in a trial; None for a trial that another program added to the study."""
    if BEGUN not in trial.user_attrs:
        return None
    fields = dict(trial.user_attrs[BEGUN])
    architecture = fields.pop("architecture")
    row = Row(
        run_number=fields.pop("number"),
        number=trial.number,
        trial_id=trial._trial_id,
        architecture=Architecture.from_json(architecture) if architecture is not None else None,
        **fields,
    )
    if ATTEMPT in trial.user_attrs:
        row = replace(row, **trial.user_attrs[ATTEMPT])
    if RESULT in trial.user_attrs:
        return with_result(row, trial.user_attrs[RESULT])
    return ended_elsewhere(row) if trial.state.is_finished() else row


def ended_elsewhere(row: Row) -> Row:
    """The row of a trial ended from outside, as in Optuna's dashboard: no result can be written to it any more."""
    return replace(row, state="failed", cause="its trial was ended by another program", outcome=None, scores=None)


def with_result(row: Row, result: Mapping[str, Any]) -> Row:
    """The row with its stored result."""
    outcome = Outcome.from_json(result["outcome"]) if result["outcome"] is not None else None
    scores = tuple(result["scores"]) if result["scores"] is not None else None
    return replace(row, state=result["state"], cause=result["cause"], sequence=result["sequence"], outcome=outcome, scores=scores)


def trial_of(row: Row, questions: Sequence[Question], objectives: Sequence[Objective]) -> FrozenTrial:
    """The trial to create for a row; already finished if the row is."""
    distributions = {question.name: categorical(question.options) for question in questions}
    answers = row.architecture.answers if row.architecture is not None else {}
    attributes = {BEGUN: begun_attribute(row)}
    finished = row.sequence is not None
    if finished:
        attributes[RESULT] = result_attribute(row)
    state, values = optuna_result(row, objectives) if finished else (TrialState.RUNNING, None)
    now = datetime.now()
    return FrozenTrial(
        number=-1,
        state=state,
        value=None,
        datetime_start=now,
        datetime_complete=now if finished else None,
        params={question.name: choice(answers[question.name], question.options) for question in questions},
        distributions=dict(distributions),
        user_attrs=attributes,
        system_attrs={},
        intermediate_values={},
        trial_id=-1,
        values=values,
    )


def optuna_result(row: Row, objectives: Sequence[Objective]) -> tuple[TrialState, list[float] | None]:
    """The Optuna state of a row, and the objectives' values in their own directions."""
    if row.state == "pruned":
        return TrialState.PRUNED, None
    scores = row.scores if row.stage == "search" else _validation_score(row)
    if row.state in ("complete", "duplicate") and scores is not None:
        return TrialState.COMPLETE, [objective.score(score) for objective, score in zip(objectives, scores, strict=True)]
    return TrialState.FAIL, None


def _validation_score(row: Row) -> tuple[float] | None:
    """The validation metric of a final training (the one that is not the loss), for Optuna's dashboard only."""
    metrics = row.outcome.metrics if row.outcome is not None else {}
    return next(((value,) for name, value in metrics.items() if name != "loss" and value is not None), None)


def categorical(options: tuple[Option, ...]) -> CategoricalDistribution:
    """The options as an Optuna distribution; as strings if Optuna could not distinguish two of them (1, True and 1.0)."""
    return CategoricalDistribution([choice(option, options) for option in options])


def choice(answer: Option, options: tuple[Option, ...]) -> Option:
    """An answer as represented in `categorical(options)`."""
    return answer if len(set(options)) == len(options) else repr(answer)
