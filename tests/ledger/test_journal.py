"""The journal after a power failure, a full disk, or a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.study import StudyDirection

from archwright.errors import InputError
from archwright.ledger import journal
from archwright.ledger.journal import LOCK_GRACE_S, file_lock, open_journal, repair_tail


@pytest.fixture
def path(tmp_path):
    """A journal with one study in it."""
    file = tmp_path / "run.journal"
    storage, notes = open_journal(file)
    assert notes == ()
    storage.create_new_study([StudyDirection.MAXIMIZE], "kept")
    storage.set_study_user_attr(0, "colour", "green")
    return file


def names(storage):
    return [study.study_name for study in storage.get_all_studies()]


def test_a_truncated_last_line_breaks_a_journal_that_is_not_repaired(path):
    """The reason for the repair: this test fails if Optuna ever fixes it."""
    path.write_bytes(path.read_bytes()[:-5])
    storage = JournalStorage(JournalFileBackend(str(path)))
    for name in ("next", "after that"):
        with suppress(AssertionError, ValueError):  # neither can be read back
            storage.create_new_study([StudyDirection.MAXIMIZE], name)
    with pytest.raises(ValueError, match="Expecting"):
        JournalStorage(JournalFileBackend(str(path)))


@pytest.mark.parametrize("kept_of_last_line", [1, 20, -2, -1], ids=["one byte", "some", "most", "all but the newline"])
def test_a_truncated_last_line_is_moved_aside(path, kept_of_last_line):
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    rest = lines[-1][:kept_of_last_line]
    path.write_bytes(b"".join(lines[:-1]) + rest)
    storage, (note,) = open_journal(path)
    beside = path.with_name("run.journal.cut-1")
    assert beside.read_bytes() == rest
    assert str(beside) in note
    assert path.read_bytes() == b"".join(lines[:-1])
    storage.create_new_study([StudyDirection.MAXIMIZE], "next")
    again, notes = open_journal(path)
    assert notes == ()
    assert names(again) == ["kept", "next"]
    assert again.get_study_user_attrs(0) == {}


def test_a_second_repair_does_not_overwrite_the_bytes_of_the_first(path):
    for rest in (b'{"op_c', b"\0\0\0\0\n"):
        path.write_bytes(path.read_bytes() + rest)
        open_journal(path)
    assert path.with_name("run.journal.cut-1").read_bytes() == b'{"op_c'
    assert path.with_name("run.journal.cut-2").read_bytes() == b"\0\0\0\0\n"


def test_the_first_line_of_a_journal_can_be_truncated_too(path):
    path.write_bytes(path.read_bytes()[:7])
    storage, notes = open_journal(path)
    assert len(notes) == 1
    assert names(storage) == []


def test_the_end_of_a_long_tail_is_found(path, monkeypatch):
    monkeypatch.setattr(journal, "TAIL_BYTES", 16)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,' + b"x" * 500)
    repair_tail(path)
    assert path.read_bytes() == whole


def test_an_append_first_repairs_what_another_process_left(path):
    """A surviving coordinator must not append to the partial line of one that died."""
    storage, _ = open_journal(path)
    with path.open("ab") as file:
        file.write(b'{"op_code":0,"worker')
    storage.create_new_study([StudyDirection.MAXIMIZE], "next")
    assert names(storage) == ["kept", "next"]
    assert names(open_journal(path)[0]) == ["kept", "next"]
    assert path.with_name("run.journal.cut-1").read_bytes() == b'{"op_code":0,"worker'


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"precious", b'{"a": 1}\n'], ids=["csv", "text", "json"])
def test_a_file_that_is_not_a_journal_is_left_untouched(tmp_path, content):
    file = tmp_path / "data.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match="not an Optuna journal"):
        open_journal(file)
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_broken_line_in_the_middle_is_an_error(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"op_code":\n' + lines[1])
    with pytest.raises(InputError, match="not JSON"):
        open_journal(path)


def test_the_lock_of_a_killed_process_is_taken_over_after_the_grace_period(path, monkeypatch, tmp_path):
    """With a real kill while the lock is held; the path is relative, which Optuna's own lock cannot handle."""
    held = subprocess.Popen(
        [sys.executable, "-c", f"open({str(path) + '.lock'!r}, 'x'); print('held', flush=True); import time; time.sleep(60)"],
        stdout=subprocess.PIPE,
    )
    assert held.stdout.readline() == b"held\n"
    os.kill(held.pid, signal.SIGKILL)
    held.communicate()
    monkeypatch.chdir(tmp_path)
    before = time.monotonic()
    storage, (note,) = open_journal(path.relative_to(tmp_path))
    assert LOCK_GRACE_S <= time.monotonic() - before < LOCK_GRACE_S + 4
    assert "killed process" in note
    assert names(storage) == ["kept"]
    assert not path.with_name("run.journal.lock").exists()


def test_an_append_is_much_faster_than_the_grace_period(path):
    storage, _ = open_journal(path)
    slowest = 0.0
    for number in range(50):
        before = time.monotonic()
        storage.set_study_user_attr(0, "row", "x" * 2000 + str(number))
        slowest = max(slowest, time.monotonic() - before)
    assert slowest < LOCK_GRACE_S / 2


def test_releasing_a_lock_that_was_taken_over_is_no_error(tmp_path):
    with file_lock(tmp_path / "turn"):
        (tmp_path / "turn.lock").unlink()


def test_every_line_of_a_journal_is_json(path):
    assert all(json.loads(line)["worker_id"] for line in path.read_text().splitlines())
