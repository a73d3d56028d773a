"""Progress output: a line for each finished training, and on a terminal a live line."""

import io
import re

import pytest
from rich.console import Console

from archwright.evaluate.job import Outcome
from archwright.ledger.row import Row
from archwright.study.progress import Progress


def row(number, value=None, state="complete", cause="", strategy="random", stage="search"):
    metrics = {"accuracy": value} if value is not None else {}
    outcome = Outcome("complete" if state == "duplicate" else state, cause, metrics=metrics, seconds=1.5)
    return Row(stage, strategy, number, number, number, state=state, cause=cause, outcome=outcome)


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def progress(log):
    with Progress("accuracy", Console(file=log, width=300, highlight=False)) as progress:
        yield progress


def test_each_training_has_a_line_with_the_count_and_the_best_so_far(progress, log):
    progress.phase("search", of=3)
    for done in (row(0, 0.5), row(1, 0.75), row(2, 0.25)):
        progress.finished(done)
    lines = log.getvalue().splitlines()
    assert [re.match(r"\[(\d)/3\]", line)[1] for line in lines] == ["1", "2", "3"]
    assert [line.partition("· ")[2] for line in lines] == ["best 50.00 %", "best 75.00 %", "best 75.00 %"]
    assert "search random #1: val 75.00 %" in lines[1]


def test_a_failure_is_reported_with_its_cause_and_duplicates_are_not_reported(progress, log):
    progress.phase("search", of=2)
    progress.finished(row(0, state="failed", cause="diverged [here]"))
    progress.finished(row(1, 0.9, state="duplicate"))
    progress.finished(row(2, 0.4))
    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert "failed: diverged [here]" in lines[0]
    assert lines[1].startswith("[2/2]")
    assert lines[1].endswith("best 40.00 %")


def test_a_supernet_is_reported_but_not_counted(progress, log):
    progress.phase("search", of=2)
    progress.finished(row(0, 0.9, strategy="darts", stage="supernet"))
    progress.finished(row(1, strategy="darts", stage="shared_scores"))
    progress.finished(row(2, 0.4))
    lines = log.getvalue().splitlines()
    assert lines[0] == "supernet darts #0: val 90.00 % in 1.50 s"
    assert lines[1] == "shared scores darts #1: complete in 1.50 s"
    assert re.match(r"\[1/2\] search .* best 40\.00 %$", lines[2])


def test_each_phase_starts_a_new_count_and_shows_the_time_left(progress, log):
    progress.phase("search", of=1)
    progress.finished(row(0, 0.9))
    progress.phase("final", left=lambda: 65.0)
    progress.finished(row(1, 0.2))
    assert re.search(r"\[1\] .* best 20\.00 % · .* left$", log.getvalue().splitlines()[1])


class Busy:
    """A scheduler with some trainings under way, of which the first has a record."""

    def __init__(self, trainings=1):
        self.trainings = trainings

    def progress(self):
        return [(row(3 + i), {} if i else {"epoch": 2.0}) for i in range(self.trainings)]


def test_a_terminal_has_a_live_line_and_a_log_has_none(log):
    with Progress("accuracy", Console(file=log, width=300)) as progress:
        progress.phase("search", of=4)
        progress.refresh(Busy())
    assert log.getvalue() == ""
    screen = io.StringIO()
    with Progress("accuracy", Console(file=screen, force_terminal=True, width=300)) as progress:
        progress.phase("search", of=4)
        progress.refresh(Busy())
    assert "random #3 epoch 2" in screen.getvalue()


def test_the_live_line_names_a_few_of_many_trainings():
    screen = io.StringIO()
    with Progress("accuracy", Console(file=screen, force_terminal=True, width=300)) as progress:
        progress.phase("search")
        progress.refresh(Busy(trainings=1000))
    assert "random #10, and 992 more" in screen.getvalue()
    assert "random #11" not in screen.getvalue()


def test_if_lower_is_better_the_best_so_far_is_the_lowest(log):
    with Progress("perplexity", Console(file=log, width=300, highlight=False)) as progress:
        progress.phase("search")
        for number, value in enumerate((90.0, 80.0, 85.0)):
            progress.finished(
                Row(
                    "search",
                    "random",
                    number,
                    number,
                    number,
                    state="complete",
                    outcome=Outcome("complete", metrics={"perplexity": value}),
                )
            )
    assert [line.partition("· ")[2] for line in log.getvalue().splitlines()] == ["best 90.00", "best 80.00", "best 80.00"]
