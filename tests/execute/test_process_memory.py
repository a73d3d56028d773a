import multiprocessing
import os
import time

import pytest

from archwright.execute.process_memory import can_measure, children, family_mb, oom_kills, resident_mb


def test_resident_memory_grows_by_what_was_filled():
    if not can_measure():
        pytest.skip("no /proc")
    before = resident_mb(os.getpid())
    filled = bytearray(b"\1") * (200_000_000)
    assert resident_mb(os.getpid()) - before == pytest.approx(200, abs=20)
    del filled


def test_memory_of_a_family_counts_what_is_shared_once():
    if not can_measure():
        pytest.skip("no /proc")
    filled = bytearray(b"\1") * (200_000_000)
    before = family_mb(os.getpid())
    context = multiprocessing.get_context("fork")
    process = context.Process(target=time.sleep, args=(60,))
    process.start()
    try:
        assert process.pid in children(os.getpid())
        assert family_mb(os.getpid()) - before < 100
    finally:
        process.kill()
        process.join()
    del filled


def test_a_process_that_is_gone_has_none():
    assert resident_mb(2**22 + 1) is None
    assert family_mb(2**22 + 1) is None
    assert children(2**22 + 1) == []


def test_ended_processes_are_counted(tmp_path):
    (tmp_path / "vmstat").write_text("pgfault 12\noom_kill 3\noom_kill_other 9\n")
    assert oom_kills(tmp_path / "vmstat") == 3
    assert oom_kills(tmp_path / "missing") == 0
