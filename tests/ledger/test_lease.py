"""The coordinators' leases."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from archwright.ledger import lease as module
from archwright.ledger.lease import VALID_FOR_S, Lease, Renewal, new_lease


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def lease_of(pid):
    return replace(new_lease(), pid=pid, started=module._start_time(pid))


def test_each_start_of_a_process_has_its_own_name():
    assert new_lease().coordinator != new_lease().coordinator
    assert Lease.from_json(new_lease().to_json()).pid == os.getpid()


def test_a_living_process_holds_its_lease(sleeper):
    lease = lease_of(sleeper.pid)
    assert lease.alive() is True
    assert not lease.has_expired()
    assert lease.excludes_others()


def test_the_lease_of_a_killed_process_expires_at_once(sleeper):
    lease = lease_of(sleeper.pid)
    sleeper.kill()
    deadline = time.monotonic() + 10
    while not lease.has_expired() and time.monotonic() < deadline:  # a zombie until it is waited for, which counts as dead
        time.sleep(0.01)
    assert lease.has_expired()
    sleeper.wait()
    assert lease.has_expired()
    assert not lease.excludes_others()


def test_another_process_with_the_same_pid_is_not_mistaken_for_it(sleeper):
    assert replace(lease_of(sleeper.pid), started="12345").alive() is False


def test_on_another_machine_only_the_expiry_counts():
    there = replace(new_lease(), host="elsewhere")
    assert there.alive() is None
    assert not there.has_expired()
    assert there.excludes_others()
    late = replace(there, expires=time.time() - 1)
    assert late.has_expired()
    assert not late.excludes_others()


def test_another_container_on_this_machine_counts_as_another_machine():
    assert replace(new_lease(), namespace="pid:[1]").alive() is None


def test_a_process_suspended_past_its_lease_loses_its_rows_but_not_its_exclusive_right_to_write():
    late = replace(new_lease(), expires=time.time() - 1)
    assert late.has_expired()
    assert late.excludes_others()
    assert not late.ended().excludes_others()


def test_a_thread_renews_the_lease_and_continues_after_a_failed_write(monkeypatch):
    monkeypatch.setattr(module, "RENEWED_EVERY_S", 0.02)
    written, left = [], threading.Event()

    def write(lease):
        written.append(lease)
        if len(written) == 1:
            raise OSError("disk full")

    renewal = Renewal(new_lease(), write, left.set)
    deadline = time.monotonic() + 10
    while len(written) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    renewal.end()
    assert left.is_set()
    assert len(written) >= 4
    assert written[1].expires > time.time() + VALID_FOR_S - 15
    assert written[-1].expires == 0
    count = len(written)
    time.sleep(0.1)
    assert len(written) == count
