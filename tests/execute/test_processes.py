import os
import re
import signal
import time
from pathlib import Path

import pytest

from archwright.execute import Resources, make_executor, training_process


@pytest.fixture
def two():
    with make_executor("processes", Resources(2, device="cpu"), "small_jobs:obey") as executor:
        yield executor


def only_outcome(executor, timeout=60):
    [(_, outcome)] = executor.wait(timeout)
    return outcome


def test_a_short_job_does_not_wait_for_a_long_one(two, job, is_alive, pid_in):
    long = job("long", sleep=60)
    two.submit(long)
    for seed in range(4):
        two.submit(job(f"short{seed}", seed))
    done = [finished[0].key for _ in range(4) for finished in two.wait(10)]
    assert sorted(done) == ["short0", "short1", "short2", "short3"]
    assert is_alive(pid_in(long.folder))


def test_waiting_ends_with_the_timeout(two, job):
    two.submit(job("long", sleep=60))
    start = time.monotonic()
    assert two.wait(0.3) == []
    assert 0.3 <= time.monotonic() - start < 10


def test_waiting_ends_with_the_timeout_though_a_training_has_stopped_in_the_middle_of_a_message(two, job, pid_in, eventually):
    two.submit(stopped := job("stopped", stop_in_a_message=1))
    stat = Path(f"/proc/{pid_in(stopped.folder)}/stat")
    eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    assert two.wait(0.3) == []


def test_progress_is_the_last_epoch_of_what_runs(two, job, eventually):
    two.submit(job("learns", seed=7, epochs=3, sleep=60))
    two.submit(job("silent", sleep=60))

    def has_progress():
        assert two.wait(0.05) == []
        return "learns" in two.progress()

    eventually(has_progress)
    two.wait(0.1)
    assert two.progress() == {"learns": {"epoch": 2, "accuracy": 0.07}}


def test_a_killed_process_is_the_machines_fault(two, job, pid_in, eventually):
    two.submit(doomed := job("doomed", epochs=2, sleep=60))

    def has_reported():
        assert two.wait(0.05) == []
        return two.progress().get("doomed", {}).get("epoch") == 1

    eventually(has_reported)
    os.kill(pid_in(doomed.folder), signal.SIGKILL)
    outcome = only_outcome(two)
    assert (outcome.state, outcome.cause, outcome.machine_fault) == ("failed", "killed by signal 9 (SIGKILL)", True)
    assert [record["epoch"] for record in outcome.curve] == [0, 1]
    two.submit(job("next"))
    assert only_outcome(two).state == "complete"


def test_a_crash_says_its_signal_and_leaves_its_stack_in_the_log(two, job):
    two.submit(crash := job("crash", kill=int(signal.SIGSEGV)))
    assert only_outcome(two).cause == "killed by signal 11 (SIGSEGV)"
    assert "small_jobs.py" in (Path(crash.folder) / "log.txt").read_text()


def test_an_exit_without_an_outcome_says_its_code(two, job):
    two.submit(job("exit", exit=3))
    outcome = only_outcome(two)
    assert (outcome.cause, outcome.machine_fault) == ("exited with code 3 (see log.txt)", True)


def test_a_result_that_was_written_before_the_kill_counts(two, job):
    two.submit(job("done", write_result_and_die=1))
    outcome = only_outcome(two)
    assert (outcome.state, outcome.cause) == ("complete", "from the file")


def test_out_of_memory_is_said_where_the_system_counted_it(two, job, pid_in, monkeypatch):
    counts = iter([4, 5])
    monkeypatch.setattr(training_process, "oom_kills", lambda: next(counts))
    two.submit(job("big", kill=int(signal.SIGKILL)))
    outcome = only_outcome(two)
    assert outcome.cause.startswith("out of memory: killed by signal 9")
    assert outcome.machine_fault


def test_a_hang_is_ended_though_it_ignores_sigterm_and_holds_the_interpreter(two, job, pid_in, is_alive, monkeypatch):
    monkeypatch.setattr(training_process, "GRACE_SECONDS", 0.3)
    two.submit(hanging := job("hangs", fields={"time_limit": 0.5}, ignore_terminate=1, hold=10**12))
    outcome = only_outcome(two)
    assert re.fullmatch(r"timed out after \d+ s: hung \(the limit is 0.5 s\)", outcome.cause)
    assert (outcome.state, outcome.machine_fault) == ("failed", False)
    assert 0.8 < outcome.seconds < 10
    assert not is_alive(pid_in(hanging.folder))


def test_a_job_within_its_time_limit_is_left_alone(two, job):
    two.submit(job("quick", fields={"time_limit": 5.0}, sleep=0.5))
    assert only_outcome(two).state == "complete"


def test_memory_beyond_the_limit_ends_the_job_alone(two, job):
    two.submit(job("greedy", fields={"memory_limit": 900.0}, fill=1100))
    two.submit(job("modest", fields={"memory_limit": 900.0}, sleep=0.5))
    outcomes = {j.key: outcome for _ in range(2) for j, outcome in two.wait(30)}
    assert outcomes["modest"].state == "complete"
    greedy = outcomes["greedy"]
    assert greedy.cause.startswith("out of memory: used ")
    assert greedy.cause.endswith(" MB of the allowed 900 MB")
    assert greedy.peak_memory_mb > 900
    assert not greedy.machine_fault


def test_everything_printed_is_in_the_log(two, job, capfd):
    two.submit(talking := job("talks", print="Grüße"))
    assert only_outcome(two).state == "complete"
    log = (Path(talking.folder) / "log.txt").read_text(encoding="utf-8")
    assert log == "Grüße\nGrüße\nfrom C\n"
    assert capfd.readouterr() == ("", "")


def test_what_a_training_sees(two, job):
    two.submit(job("looks", fields={"threads": 2}, tell=1, sleep=60))
    while not two.progress():
        two.wait(0.05)
    assert two.progress()["looks"] == {
        "threads": 2,
        "omp": "2",
        "visible": "",
        "device": "cpu",
        "sigint": True,
        "group": True,
        "main": None,
        "rank": [None, None, None],
    }


def test_closing_leaves_no_process_not_even_helpers_of_a_training(job, pid_in, eventually, is_alive):
    with make_executor("processes", Resources(2, device="cpu"), "small_jobs:obey") as executor:
        jobs = [job("a", ignore_terminate=1, helper=1, sleep=60), job("b", hold=10**12)]
        for each in jobs:
            executor.submit(each)
        pids = [pid_in(jobs[0].folder), pid_in(jobs[0].folder, "helper"), pid_in(jobs[1].folder)]
        assert all(map(is_alive, pids))
    eventually(lambda: not any(map(is_alive, pids)), 10)


def test_memory_is_given_back_a_process_ends_with_its_job(two, job, pid_in, is_alive):
    jobs = [job(f"j{seed}", seed) for seed in range(3)]
    for each in jobs:
        two.submit(each)
    finished = 0
    while finished < 3:
        finished += len(two.wait(10))
    pids = [pid_in(each.folder) for each in jobs]
    assert len(set(pids)) == 3
    assert not any(map(is_alive, pids))


def test_a_process_that_cannot_be_started_is_the_machines_fault(two, job, monkeypatch):
    def refused(*_):
        raise OSError("no more processes")

    with monkeypatch.context() as patch:
        patch.setattr(training_process, "start_process", refused)
        two.submit(job("unlucky"))
    outcome = only_outcome(two)
    assert (outcome.cause, outcome.machine_fault) == ("no process could be started: no more processes", True)
    two.submit(job("next"))
    assert only_outcome(two).state == "complete"
