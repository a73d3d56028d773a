import pytest

from archwright.errors import InputError
from archwright.execute import Resources, capacity
from archwright.execute.capacity import check_job, check_machine, machine_memory_mb, threads_of


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Of four cores and 1,000 MB."""
    monkeypatch.setattr(capacity, "usable_cpus", lambda: 4)
    monkeypatch.setattr(capacity, "machine_memory_mb", lambda: 1000.0)


def test_what_the_machine_can_just_give_is_no_error():
    check_machine(Resources(2, cpus=2, memory=500, device="cpu"), 2)


def test_too_many_cores_are_an_error():
    with pytest.raises(InputError, match="2 workers with 3 cores each would need 6, but this machine has 4"):
        check_machine(Resources(2, cpus=3, device="cpu"), 2)


def test_too_much_memory_is_an_error():
    with pytest.raises(InputError, match="3 workers with 400 MB each would need 1200 MB, but this machine has 1000"):
        check_machine(Resources(3, memory=400, device="cpu"), 3)


def test_a_training_on_more_devices_than_there_are_workers_is_an_error(job):
    with pytest.raises(InputError, match="on 3 devices takes as many workers, and this run has 2"):
        check_job(job("wide", fields={"devices": 3}), Resources(2, device="cpu"), 2)
    check_job(job("fits", fields={"devices": 2}), Resources(2, device="cpu"), 2)


def test_threads_are_the_cores_asked_for(monkeypatch):
    monkeypatch.setattr(capacity, "threads_per_worker", lambda workers: 8 // workers)
    assert threads_of(Resources(cpus=3), 2) == 3
    assert threads_of(Resources(), 2) == 4


def test_memory_is_what_the_machine_has_or_its_container_is_allowed(tmp_path):
    (tmp_path / "limit").write_text("2000000\n")
    (tmp_path / "max").write_text("max\n")
    assert machine_memory_mb(tmp_path / "limit") == 2.0
    whole = machine_memory_mb(tmp_path / "missing")
    assert whole == machine_memory_mb(tmp_path / "max")
    assert whole > 100
