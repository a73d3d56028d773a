import os

import pytest

from archwright.execute.process_memory import can_measure, oom_kills, resident_mb


def test_resident_memory_grows_by_what_was_filled():
    if not can_measure():
        pytest.skip("no /proc")
    before = resident_mb(os.getpid())
    filled = bytearray(b"\1") * (200_000_000)
    assert resident_mb(os.getpid()) - before == pytest.approx(200, abs=20)
    del filled


def test_a_process_that_is_gone_has_none():
    assert resident_mb(2**22 + 1) is None


def test_ended_processes_are_counted(tmp_path):
    (tmp_path / "vmstat").write_text("pgfault 12\noom_kill 3\noom_kill_other 9\n")
    assert oom_kills(tmp_path / "vmstat") == 3
    assert oom_kills(tmp_path / "missing") == 0
