"""The search loop on a real ledger, with trainings that take no time: what is proposed, trained, known, refused and recorded."""

from collections import Counter
from dataclasses import dataclass, replace

import pytest

from archwright.errors import InputError
from archwright.evaluate.history import Objective, Proposal
from archwright.evaluate.job import Job, Outcome
from archwright.ledger.ledger import Ledger
from archwright.search_space import SearchSpace
from archwright.search_strategy import make_strategy
from archwright.study import search_loop
from archwright.study import strategy_run as strategy_run_module
from archwright.study.scheduler import ATTEMPTS, Scheduler
from archwright.study.search_loop import search
from archwright.study.strategy_run import StrategyRun, best_candidates
from archwright.study.supernet_search import SupernetSearch

ACCURACY = (Objective("accuracy", True),)
TRIALS, EPOCHS = 6, 3.0


@dataclass(frozen=True)
class Pair(SearchSpace):
    """Two questions of `options` answers each."""

    options: int = 10

    def decide(self, choose):
        return tuple(choose(name, range(self.options)) for name in "ab")

    def build(self, description, problem):
        raise NotImplementedError


def accuracy(answers):
    return (answers["a"] + answers["b"]) / 100


def trained(job):
    """A training's outcome: the accuracy grows with the answers, the operations with the first alone."""
    answers = job.architecture["answers"]
    return Outcome("complete", metrics={"accuracy": accuracy(answers)}, macs=100 * answers["a"], seconds=2.0, epochs=job.epochs)


class Interrupted(Exception):
    """As if the process had been killed."""


class AtOnce:
    """An executor whose oldest training ends whenever somebody waits. `interrupt_at`: how many may end before the kill."""

    def __init__(self, workers=1, outcome=trained, interrupt_at=None):
        self.workers = workers
        self.outcome = outcome
        self.interrupt_at = interrupt_at
        self.submitted = []
        self.waiting = []

    def submit(self, job):
        self.submitted.append(job)
        self.waiting.append(job)
        assert len(self.waiting) <= self.workers

    def wait(self, timeout=None):
        if self.interrupt_at is not None and len(self.submitted) - len(self.waiting) >= self.interrupt_at:
            raise Interrupted
        if not self.waiting:
            return []
        return [(job := self.waiting.pop(0), self.outcome(job))]

    def progress(self):
        return {}


class ClockThatReads:
    """A run's clock that shows what `read` returns."""

    def __init__(self, read):
        self.read = read

    @property
    def seconds(self):
        return self.read()

    def save(self):
        pass


class Bench:
    """A ledger and all that `search` wants around it."""

    def __init__(self, folder, storage="memory:"):
        self.folder = folder
        self.ledger = Ledger.open(storage, folder, "run")
        self.recorded = []
        self.ledger.on_finish = self.recorded.append

    def strategy_run(self, strategy="random", space=None, objectives=ACCURACY, **settings):
        made = make_strategy(strategy, settings) if isinstance(strategy, str) else strategy
        name = strategy if isinstance(strategy, str) else type(strategy).__name__
        return StrategyRun(name, made, space or Pair(), self.ledger, objectives, EPOCHS)

    def run(self, *strategy_runs, executor=None, trials=TRIALS, deadline=None, clock=lambda: 0.0, seed=0):
        executor = executor or AtOnce()
        scheduler = Scheduler(executor, self.ledger, ClockThatReads(clock), lambda scheduler: None)
        for strategy_run in strategy_runs:
            strategy_run.seed, strategy_run.trials = seed, trials if deadline is None else None
        search(strategy_runs, scheduler, self.job, deadline)
        return executor

    def job(self, row):
        return Job(
            key=str(row.run_number),
            stage=row.stage,
            data="",
            folder=str(self.folder / str(row.run_number)),
            seed=row.seed,
            epochs=row.epochs,
            architecture=row.architecture.to_json() if row.architecture is not None else None,
        )


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@dataclass(frozen=True)
class Repeat:
    """Proposes the same networks again and again: `networks` of them in turn."""

    networks: int = 1

    def propose(self, space, history, rng):
        known = len(history.candidates)
        return Proposal(space.architecture({"a": known % self.networks, "b": 0}), note={"known": known})


def content(row):
    """What of a row must not depend on when it was made."""
    return (row.run_number, row.number, row.state, row.strategy, row.key, row.parent, row.seed, row.seen, row.scores, row.sequence)


def test_each_strategy_gets_its_trials_in_turn(bench):
    strategy_runs = bench.strategy_run("random"), bench.strategy_run("regularized_evolution", population_size=3, sample_size=2)
    executor = bench.run(*strategy_runs)
    assert [strategy_run.trainings for strategy_run in strategy_runs] == [TRIALS, TRIALS]
    assert len(executor.submitted) == 2 * TRIALS
    order = [row.strategy for row in bench.ledger.rows("search") if row.state == "complete"]
    for end in range(1, len(order)):
        counts = Counter(order[:end])
        assert abs(counts["random"] - counts["regularized_evolution"]) <= 1


def test_scores_follow_the_objectives_and_stand_beside_the_proposals_facts(bench):
    strategy_run = bench.strategy_run("random", objectives=(*ACCURACY, Objective("macs", False)))
    bench.run(strategy_run)
    for row in strategy_run.rows:
        answers = row.architecture.answers
        assert row.scores == (pytest.approx(accuracy(answers)), -100 * answers["a"])
        assert row.epochs == row.outcome.epochs == 3.0
        assert row.seen == row.number  # one worker: each proposal had seen all before it


def test_the_seed_of_a_training_depends_on_its_number_not_on_the_workers(tmp_path):
    runs = {}
    for workers in (1, 3):
        bench = Bench(tmp_path / str(workers))
        bench.run(bench.strategy_run("random"), executor=AtOnce(workers))
        runs[workers] = [(row.number, row.seed, row.key) for row in bench.ledger.rows("search")]
    assert runs[1] == runs[3]
    other = Bench(tmp_path / "other")
    other.run(other.strategy_run("random"), seed=1)
    assert not {row.seed for row in other.ledger.rows()} & {seed for _, seed, _ in runs[1]}


def test_parallel_proposals_tell_how_much_they_had_seen(bench):
    strategy_run = bench.strategy_run("random")
    bench.run(strategy_run, executor=AtOnce(workers=3))
    assert [row.seen for row in strategy_run.rows] == [0, 0, 0, 1, 2, 3]


def test_an_equal_network_gets_the_known_result_and_costs_nothing(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 8)
    strategy_run = bench.strategy_run(Repeat(networks=2))
    executor = bench.run(strategy_run)
    assert [row.state for row in strategy_run.rows] == ["complete", "complete", *["duplicate"] * 8]
    assert len(executor.submitted) == 2
    for row in strategy_run.rows[2:]:
        first = strategy_run.rows[row.number % 2]
        assert (row.scores, row.outcome.metrics, row.outcome.seconds) == (first.scores, first.outcome.metrics, 0.0)
        assert row.cause == f"the network of {first.run_number}"
    assert strategy_run.seconds == 4.0


def test_a_search_of_a_whole_small_space_ends_exhausted(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 60)
    strategy_run = bench.strategy_run("random", Pair(options=2))
    bench.run(strategy_run, trials=50)
    assert len({row.key for row in strategy_run.rows if row.state == "complete"}) == strategy_run.trainings == 4
    assert strategy_run.exhausted
    numbers = [row.number for row in strategy_run.rows]
    assert numbers == list(range(len(numbers)))
    before = len(numbers)
    bench.run(strategy_run, trials=80)  # as `--trials 80` would later
    assert len(strategy_run.rows) == before


def test_one_exhausted_strategy_does_not_end_the_others(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 5)
    stuck, free = bench.strategy_run(Repeat()), bench.strategy_run("random")
    bench.run(stuck, free)
    assert (stuck.trainings, free.trainings) == (1, TRIALS)


def test_proposals_of_a_network_in_training_wait_for_its_result(bench, monkeypatch):
    """More workers than networks: the free worker neither trains one twice nor asks for ever."""
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 50)
    strategy_run = bench.strategy_run(Repeat(networks=1))
    seen = []
    executor = AtOnce(workers=3, outcome=lambda job: (seen.extend(row.state for row in strategy_run.rows), trained(job))[1])
    bench.run(strategy_run, executor=executor)
    assert len(executor.submitted) == 1
    assert Counter(seen) == {"running": 1 + strategy_run_module.MOST_PENDING_REPEATS}
    assert Counter(row.state for row in strategy_run.rows) == {"complete": 1, "duplicate": 50}
    assert {row.scores for row in strategy_run.rows} == {(0.0,)}


@dataclass(frozen=True)
class MostlyKnown:
    """A new network only after nine proposals of one that was named before."""

    def propose(self, space, history, rng):
        proposals, every = len(history.candidates), list(space.enumerate())
        return Proposal(every[proposals // 10 if proposals % 10 == 0 else 0])


def test_a_strategy_that_still_finds_new_networks_does_not_wait_for_results(bench):
    strategy_run = bench.strategy_run(MostlyKnown())
    most = []
    executor = AtOnce(workers=5)
    executor.outcome = lambda job: (most.append(len(executor.waiting)), trained(job))[1]
    bench.run(strategy_run, executor=executor, trials=10)
    assert max(most) == 4  # beside the one that ends
    assert len(executor.submitted) == 10


def test_a_refused_network_is_no_training_and_is_not_tried_again(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 6)
    strategy_run = bench.strategy_run(Repeat(networks=2))

    def outcome(job):
        odd = job.architecture["answers"]["a"] == 1
        return Outcome("refused", "it needs at least 9 MB") if odd else trained(job)

    executor = bench.run(strategy_run, executor=AtOnce(outcome=outcome))
    assert len(executor.submitted) == 2
    refused = [row for row in strategy_run.rows if row.state == "refused"]
    assert len(refused) == 3
    assert {row.cause for row in refused} == {"it needs at least 9 MB"}
    assert strategy_run.trainings == 1
    assert strategy_run.history.refused
    assert {candidate.state for candidate in strategy_run.history.finished} == {"complete", "duplicate"}


def test_a_search_in_which_all_is_refused_ends(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 10)
    strategy_run = bench.strategy_run("random")
    bench.run(strategy_run, executor=AtOnce(outcome=lambda job: Outcome("refused", "too large")))
    assert [row.state for row in strategy_run.rows] == ["refused"] * 10


def test_a_failed_training_is_a_result_and_counts(bench):
    strategy_run = bench.strategy_run("random")
    bench.run(strategy_run, executor=AtOnce(outcome=lambda job: Outcome("failed", "diverged: training loss was nan", seconds=1.0)))
    assert [(row.state, row.cause, row.scores) for row in strategy_run.rows] == [
        ("failed", "diverged: training loss was nan", None)
    ] * TRIALS
    assert best_candidates(strategy_run, 3) == []


def test_a_duplicate_of_a_failed_network_has_no_scores(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 2)
    strategy_run = bench.strategy_run(Repeat())
    bench.run(strategy_run, executor=AtOnce(outcome=lambda job: Outcome("failed", "boom")))
    assert [(row.state, row.scores) for row in strategy_run.rows] == [("failed", None), ("duplicate", None), ("duplicate", None)]


def test_an_objective_that_was_not_measured_fails_the_training_not_the_search(bench):
    strategy_run = bench.strategy_run("random", objectives=(*ACCURACY, Objective("latency_ms", False)))
    bench.run(strategy_run)
    assert {(row.state, row.cause) for row in strategy_run.rows} == {("failed", "an objective was not measured")}


@pytest.mark.parametrize("faults", [1, ATTEMPTS])
def test_a_fault_of_the_machine_is_tried_again_under_the_same_number(bench, faults):
    left = [faults]

    def outcome(job):
        if job.key == "2" and left[0]:
            left[0] -= 1
            return Outcome("failed", "killed by signal 9", machine_fault=True)
        return trained(job)

    strategy_run = bench.strategy_run("random")
    executor = bench.run(strategy_run, executor=AtOnce(outcome=outcome))
    assert [job.key for job in executor.submitted].count("2") == min(faults + 1, ATTEMPTS)
    assert len({job.seed for job in executor.submitted if job.key == "2"}) == 1
    expected = ("complete", "") if faults < ATTEMPTS else ("failed", f"killed by signal 9 (tried {ATTEMPTS} times)")
    assert (strategy_run.rows[2].state, strategy_run.rows[2].cause) == expected
    assert len(strategy_run.rows) == TRIALS


@pytest.mark.parametrize("strategy", ["regularized_evolution", "local_search"])
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(tmp_path, strategy):
    def searched(folder, *stops):
        folder.mkdir()
        for stop in (*stops, None):
            bench = Bench(folder, storage=f"journal:{folder / 'journal'}")
            try:
                strategy_runs = bench.strategy_run(strategy, Pair(options=3)), bench.strategy_run(Repeat(networks=TRIALS))
                bench.run(*strategy_runs, executor=AtOnce(interrupt_at=stop))
            except Interrupted:
                assert sum(row.state == "running" for row in bench.ledger.rows()) == 1
            finally:
                bench.ledger.close()
        return [content(row) for row in bench.ledger.rows()]

    assert searched(tmp_path / "stopped", 0, 1, 4, 2) == searched(tmp_path / "whole")


def test_a_proposal_may_name_its_parent_its_epochs_and_a_note(bench):
    @dataclass(frozen=True)
    class Chain:
        def propose(self, space, history, rng):
            number = len(history.candidates)
            return Proposal(
                space.architecture({"a": number, "b": 0}),
                parent=number - 1 if number else None,
                epochs=[0.5, 1.5, 2.5, 1.5][number],
                note={"level": number},
            )

    strategy_run = bench.strategy_run(Chain())
    executor = bench.run(strategy_run, trials=2)
    assert [row.parent for row in strategy_run.rows] == [None, 0, 1, 2]
    assert [job.epochs for job in executor.submitted] == [0.5, 1.5, 2.5, 1.5]
    assert [candidate.note["level"] for candidate in strategy_run.history.finished] == [0, 1, 2, 3]
    assert strategy_run.trainings == 2


# Fidelities.


@dataclass(frozen=True)
class Script:
    """Proposes what it is told, one after the other: (answer to `a`, epochs, which candidate it continues)."""

    proposals: tuple[tuple[int, float | None, int | None], ...]

    def propose(self, space, history, rng):
        a, epochs, continues = self.proposals[len(history.candidates) % len(self.proposals)]
        return Proposal(space.architecture({"a": a, "b": 0}), continues=continues, epochs=epochs)


def states(strategy_run):
    return [(row.state, row.continues, row.epochs) for row in strategy_run.rows]


def test_a_promotion_is_a_training_of_its_own_with_the_seed_of_the_one_that_it_continues(bench):
    strategy_run = bench.strategy_run(Script(((1, 1.0, None), (2, 1.0, None), (1, 2.0, 0), (1, 3.0, 2), (3, None, None))))
    executor = bench.run(strategy_run, trials=2)
    assert states(strategy_run)[:4] == [("complete", None, 1), ("complete", None, 1), ("complete", 0, 2), ("complete", 2, 3)]
    seeds = [job.seed for job in executor.submitted]
    assert seeds[0] == seeds[2] == seeds[3] != seeds[1]
    assert [candidate.continues for candidate in strategy_run.history.finished] == [None, None, 0, 2]
    assert strategy_run.history.epochs == EPOCHS


def test_a_network_is_known_with_no_more_epochs_than_it_had(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 3)
    strategy_run = bench.strategy_run(Script(((1, 1.0, None), (1, 3.0, None), (1, 2.0, None), (1, 3.0, 0), (1, 1.0, None))))
    executor = bench.run(strategy_run)
    assert len(executor.submitted) == 2
    assert [row.state for row in strategy_run.rows] == ["complete", "complete", "duplicate", "duplicate", "duplicate"]
    assert strategy_run.trainings == pytest.approx((1 + 3) / EPOCHS)


def test_a_training_waits_for_none_of_the_same_network_with_fewer_epochs(bench, monkeypatch):
    monkeypatch.setattr(strategy_run_module, "EXHAUSTED_AFTER", 3)
    strategy_run = bench.strategy_run(Script(((1, 1.0, None), (1, 3.0, None), (1, 1.0, None), (1, 3.0, None), (1, 2.0, None))))
    executor = bench.run(strategy_run, executor=AtOnce(workers=3))
    assert len(executor.submitted) == 2
    assert [row.state for row in strategy_run.rows[:5]] == ["complete", "complete", "duplicate", "duplicate", "duplicate"]
    assert [row.cause for row in strategy_run.rows[2:5]] == ["the network of 0", "the network of 1", "the network of 1"]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("strategy", ["asha", "hyperband"])
def test_strategies_of_several_fidelities_get_no_more_epochs_than_random_search(bench, strategy, workers):
    """What is left over is less than the dearest step: for hyperband a full training."""
    strategy_run, other = bench.strategy_run(strategy, eta=3), bench.strategy_run("random")
    executor = bench.run(strategy_run, other, executor=AtOnce(workers))
    begun = {row.number: row for row in strategy_run.rows}
    epochs = {"random": 0.0, strategy: 0.0}
    for row in (*strategy_run.rows, *other.rows):
        if row.state == "complete":
            epochs[row.strategy] += row.epochs - (begun[row.continues].epochs if row.continues is not None else 0.0)
    assert epochs["random"] == TRIALS * EPOCHS
    assert (TRIALS - 1) * EPOCHS < epochs[strategy] <= TRIALS * EPOCHS
    assert strategy_run.trainings == pytest.approx(epochs[strategy] / EPOCHS)
    assert any(job.epochs == EPOCHS for job in executor.submitted)


def test_shares_of_a_training_that_do_not_add_up_exactly_cost_no_training(bench):
    strategy_run = bench.strategy_run(Script(tuple((n % 10, 0.3, None) for n in range(10))))
    bench.run(strategy_run, trials=1)
    assert len(strategy_run.rows) == 10  # ten times a tenth


@pytest.mark.parametrize("strategy", ["asha", "hyperband"])
def test_an_interrupted_search_of_several_fidelities_goes_on_as_if_nothing_had_happened(tmp_path, strategy):
    def searched(folder, *stops):
        folder.mkdir()
        for stop in (*stops, None):
            bench = Bench(folder, storage=f"journal:{folder / 'journal'}")
            try:
                bench.run(
                    bench.strategy_run(strategy, eta=3, around="regularized_evolution", trials=4),
                    executor=AtOnce(interrupt_at=stop),
                )
            except Interrupted:
                assert sum(row.state == "running" for row in bench.ledger.rows()) == 1
            finally:
                bench.ledger.close()
        return [(*content(row), row.continues, row.epochs) for row in bench.ledger.rows()]

    assert searched(tmp_path / "stopped", 0, 1, 4, 2) == searched(tmp_path / "whole")


@pytest.mark.parametrize(
    ("proposal", "told"),
    [
        ((2, 2.0, 0), "wants to train candidate 0 on to 2 epochs"),  # another network
        ((1, 1.0, 0), "with the same network and fewer epochs"),
        ((1, 2.0, 7), "wants to train candidate 7 on to 2 epochs"),
        ((1, 3.5, 0), "asks for 3.5 epochs, and a full training of the search has 3"),
    ],
)
def test_what_cannot_be_continued_is_a_mistake_of_the_strategy(bench, proposal, told):
    with pytest.raises(InputError, match=told):
        bench.run(bench.strategy_run(Script(((1, 1.0, None), proposal))))


def test_the_best_candidates_are_the_best_of_the_highest_fidelity_and_each_network_counts_once(bench):
    proposals = ((1, 1.0, None), (9, 1.0, None), (5, 1.0, None), (1, 3.0, 0), (5, 2.0, 2), (5, 3.0, 4))
    strategy_run = bench.strategy_run(Script(proposals))
    bench.run(strategy_run, trials=2, deadline=0.0, clock=iter([-1.0] * 6 + [1.0] * 99).__next__)
    assert [row.number for row in best_candidates(strategy_run, 9)] == [5, 3, 1]


class Hours:
    """A clock that goes on by `step` seconds with each training."""

    def __init__(self, executor, step):
        self.executor, self.step = executor, step

    def __call__(self):
        return self.step * (len(self.executor.submitted) - len(self.executor.waiting))


@pytest.mark.parametrize(("deadline", "trainings"), [(0.0, 1), (2.9, 1), (3.1, 2), (7.1, 4)])
def test_a_deadline_stops_the_search_where_most_of_a_training_would_lie_behind_it(bench, deadline, trainings):
    strategy_run, executor = bench.strategy_run("random"), AtOnce()
    bench.run(strategy_run, executor=executor, deadline=deadline, clock=Hours(executor, step=2.0))
    assert strategy_run.trainings == trainings


def test_with_a_deadline_strategies_get_equal_seconds_not_equal_numbers(bench):
    slow, fast = bench.strategy_run(Repeat(networks=99), Pair(99)), bench.strategy_run("random")

    def outcome(job):
        return replace(trained(job), seconds=3.0 if job.architecture["settings"]["options"] == 99 else 1.0)

    executor = AtOnce(outcome=outcome)
    bench.run(slow, fast, executor=executor, deadline=20.0, clock=Hours(executor, step=1.0))
    assert slow.seconds == pytest.approx(fast.seconds, abs=3.0)
    assert fast.trainings >= 2 * slow.trainings


def test_the_best_candidates_are_the_first_with_the_highest_first_score(bench):
    strategy_run = bench.strategy_run(Repeat(networks=5), objectives=(*ACCURACY, Objective("macs", False)))
    bench.run(
        strategy_run,
        executor=AtOnce(outcome=lambda job: replace(trained(job), metrics={"accuracy": [0.5, 0.9, 0.9, 0.1, 0.2][int(job.key)]})),
        trials=5,
    )
    assert [row.number for row in best_candidates(strategy_run, 3)] == [1, 2, 0]


def test_every_result_is_told_once(bench):
    bench.run(bench.strategy_run("random"), executor=AtOnce(workers=2))
    assert sorted(row.run_number for row in bench.recorded) == list(range(TRIALS))


# One-shot methods: a supernet first, then what it has found.


def handed_over(*answers):
    """What a supernet's training hands over: these (a, b), the best first."""
    return tuple(
        {"architecture": Pair().architecture({"a": a, "b": b}).to_json(), "score": 0.1 * a, "epoch": 2.0} for a, b in answers
    )


def supernet_finds(*answers, seconds=30.0):
    """Outcomes where a supernet's training finds these and all else is trained as ever."""

    def outcome(job):
        if job.stage == "supernet":
            return Outcome("complete", metrics={"accuracy": 0.4}, seconds=seconds, found=handed_over(*answers))
        return trained(job)

    return outcome


@pytest.fixture
def one_shot(bench):
    """Makes the strategy run of a one-shot method on the bench's ledger."""
    return lambda name="darts": StrategyRun(name, SupernetSearch(name, bench.ledger, 8.0), Pair(), bench.ledger, ACCURACY, EPOCHS)


FOUND = ((3, 3), (1, 2), (5, 0))


def test_a_supernet_is_trained_first_and_what_it_found_is_trained_like_any_candidate(bench, one_shot):
    strategy_run = one_shot()
    executor = bench.run(strategy_run, executor=AtOnce(outcome=supernet_finds(*FOUND)))
    assert [job.stage for job in executor.submitted] == ["supernet", "search", "search", "search"]
    (supernet,) = bench.ledger.rows("supernet")
    assert (supernet.strategy, supernet.state, supernet.epochs, supernet.run_number) == ("darts", "complete", 8.0, 0)
    assert [tuple(row.architecture.answers.values()) for row in strategy_run.rows] == list(FOUND)
    assert [(row.number, row.state, row.scores, row.epochs) for row in strategy_run.rows] == [
        (number, "complete", (pytest.approx((a + b) / 100),), 3.0) for number, (a, b) in enumerate(FOUND)
    ]
    assert strategy_run.rows[1].note == {"shared_score": 0.1, "supernet_epoch": 2.0}
    assert strategy_run.exhausted
    assert strategy_run.trainings == 3
    assert strategy_run.seconds == 30.0 + 3 * 2.0


def test_the_trials_bound_what_a_supernet_hands_over(bench, one_shot):
    strategy_run = one_shot()
    bench.run(strategy_run, executor=AtOnce(outcome=supernet_finds(*FOUND)), trials=2)
    assert len(strategy_run.rows) == strategy_run.trainings == 2
    bench.run(strategy_run, executor=AtOnce(outcome=supernet_finds(*FOUND)), trials=9)  # as `--trials 9` would later
    assert len(strategy_run.rows) == 3
    assert len(bench.ledger.rows("supernet")) == 1


def test_other_strategies_go_on_while_a_supernet_is_trained(bench, one_shot):
    stages, executor = [], AtOnce(workers=2)
    executor.wait = lambda timeout=None: [(job := executor.waiting.pop(), executor.outcome(job))]  # the newest: the supernet last
    executor.outcome = lambda job: (stages.append(job.stage), supernet_finds(*FOUND)(job))[1]
    strategy_runs = one_shot(), bench.strategy_run("random")
    bench.run(*strategy_runs, executor=executor)
    assert stages[:TRIALS] == ["search"] * TRIALS
    assert stages[TRIALS:] == ["supernet", "search", "search", "search"]
    assert [strategy_run.trainings for strategy_run in strategy_runs] == [3, TRIALS]


def test_a_network_found_twice_costs_nothing(bench, one_shot):
    strategy_run = one_shot()
    bench.run(strategy_run, executor=AtOnce(outcome=supernet_finds((1, 1), (1, 1), (2, 2))))
    assert [row.state for row in strategy_run.rows] == ["complete", "duplicate", "complete"]
    assert strategy_run.exhausted


@pytest.mark.parametrize("state", ["failed", "refused"])
def test_a_supernet_that_fails_ends_its_strategy_not_the_others(bench, one_shot, state):
    strategy_runs = one_shot(), bench.strategy_run("random")
    bench.run(
        *strategy_runs, executor=AtOnce(outcome=lambda job: Outcome(state, "boom") if job.stage == "supernet" else trained(job))
    )
    assert [strategy_run.trainings for strategy_run in strategy_runs] == [0, TRIALS]
    (supernet,) = bench.ledger.rows("supernet")
    assert (supernet.state, supernet.cause) == (state, "boom")
    assert best_candidates(strategy_runs[0], 3) == []


def test_by_the_clock_random_search_gets_the_seconds_of_the_supernet_and_its_candidates_and_no_more(bench, one_shot):
    strategy_runs, executor = (one_shot(), bench.strategy_run("random")), AtOnce(outcome=supernet_finds(*FOUND, seconds=20.0))
    clock = lambda: sum(strategy_run.seconds for strategy_run in strategy_runs)  # noqa: E731
    bench.run(*strategy_runs, executor=executor, deadline=500.0, clock=clock)
    assert [job.stage for job in executor.submitted].index("supernet") == 0
    assert [strategy_run.seconds for strategy_run in strategy_runs] == [26.0, 26.0]


def test_by_the_clock_random_search_goes_on_where_the_others_came_to_nothing(bench, one_shot):
    strategy_runs = one_shot(), bench.strategy_run("random")
    executor = AtOnce(outcome=lambda job: Outcome("failed", "boom", seconds=1.0) if job.stage == "supernet" else trained(job))
    bench.run(
        *strategy_runs,
        executor=executor,
        deadline=30.0,
        clock=lambda: sum(strategy_run.seconds for strategy_run in strategy_runs),
    )
    assert strategy_runs[0].seconds == 1.0
    assert strategy_runs[1].seconds == pytest.approx(29.0, abs=2.0)


def test_an_interrupted_supernet_goes_on_under_its_own_number_and_seed(tmp_path):
    def searched(folder, *stops):
        folder.mkdir()
        submitted = []
        for stop in (*stops, None):
            bench = Bench(folder, storage=f"journal:{folder / 'journal'}")
            search = SupernetSearch("darts", bench.ledger, 8.0)
            strategy_run = StrategyRun("darts", search, Pair(), bench.ledger, ACCURACY, EPOCHS)
            executor = AtOnce(outcome=supernet_finds(*FOUND), interrupt_at=stop)
            try:
                bench.run(strategy_run, bench.strategy_run("random"), executor=executor)
            except Interrupted:
                pass
            finally:
                submitted += [(job.key, job.stage, job.seed) for job in executor.submitted]
                bench.ledger.close()
        return [content(row) for row in bench.ledger.rows()], submitted

    whole, at_once = searched(tmp_path / "whole")
    stopped, again = searched(tmp_path / "stopped", 0, 0, 2)
    assert stopped == whole
    assert again[:3] == [at_once[0]] * 3
    assert dict.fromkeys(again) == dict.fromkeys(at_once)


def test_a_coordinator_waits_for_a_supernet_that_another_one_trains(tmp_path, monkeypatch):
    url = f"journal:{tmp_path / 'journal'}"
    ours, theirs = Bench(tmp_path / "a", url), Bench(tmp_path / "b", url)
    strategy_run = StrategyRun("darts", SupernetSearch("darts", ours.ledger, 8.0), Pair(), ours.ledger, ACCURACY, EPOCHS)
    row = SupernetSearch("darts", theirs.ledger, 8.0).begin(seed=0)
    looks = []

    def finish_at_the_second_look(seconds):
        looks.append(seconds)
        if len(looks) == 2:
            theirs.ledger.finish(row, "complete", Outcome("complete", seconds=5.0, found=handed_over(*FOUND)))

    monkeypatch.setattr(search_loop.time, "sleep", finish_at_the_second_look)
    ours.ledger.refresh()
    executor = ours.run(strategy_run)
    assert len(looks) == 2
    assert [job.stage for job in executor.submitted] == ["search"] * 3
    theirs.ledger.close()
    ours.ledger.close()


def test_two_coordinators_share_what_a_supernet_found(tmp_path):
    """The other one takes the last of the found while we ask for it: nothing is left to propose, and that is no error."""
    url = f"journal:{tmp_path / 'journal'}"
    ours, theirs = Bench(tmp_path / "a", url), Bench(tmp_path / "b", url)
    row = SupernetSearch("darts", ours.ledger, 8.0).begin(seed=0)
    ours.ledger.finish(row, "complete", Outcome("complete", found=handed_over((1, 1))))
    strategy_run, other = (
        StrategyRun("darts", SupernetSearch("darts", bench.ledger, 8.0), Pair(), bench.ledger, ACCURACY, EPOCHS)
        for bench in (ours, theirs)
    )
    assert not strategy_run.exhausted
    assert len(strategy_run.history.candidates) == 0
    theirs.ledger.refresh()
    assert [job.stage for job in theirs.run(other).submitted] == ["search"]
    assert ours.run(strategy_run).submitted == []
    assert len(strategy_run.rows) == 1
    theirs.ledger.close()
    ours.ledger.close()
