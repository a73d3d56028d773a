"""The kinds of storage for the ledger, and the errors for storage that cannot be used."""

import contextlib
import errno
import logging
import multiprocessing
import sqlite3

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection
from optuna.trial import TrialState

from archwright.errors import InputError, RunFolderError
from archwright.ledger import storage as module
from archwright.ledger.storage import is_transient, open_storage, with_retries


def test_the_default_is_study_db_in_the_run_folder(tmp_path):
    opened = open_storage(None, tmp_path / "runs" / "one")
    opened.storage.create_new_study([StudyDirection.MAXIMIZE], "a")
    opened.close()
    assert opened.kind == "sqlite"
    assert not opened.shared
    assert [file.name for file in (tmp_path / "runs" / "one").iterdir()] == ["study.db"]
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path}/runs/one/study.db") == ["a"]


def test_nothing_is_logged_when_a_study_is_created(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        opened = open_storage(None, tmp_path)
        opened.storage.create_new_study([StudyDirection.MAXIMIZE], "a")
        opened.close()
    assert caplog.text == ""


@pytest.mark.parametrize("url", ["mysql://a:b@c/d", "study.db", "redis:x", ""])
def test_an_unknown_kind_is_an_error_that_lists_the_known_ones(url, tmp_path):
    with pytest.raises(InputError, match=r"postgresql://.*journal:PATH") as raised:
        open_storage(url, tmp_path)
    assert "b@c" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_server_is_an_input_error_without_the_password(tmp_path):
    with pytest.raises(InputError, match=r"check that the server is running") as raised:
        open_storage("postgresql://me:secret@127.0.0.1:1/nothing", tmp_path)
    assert "secret" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_invalid_url_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="not a URL"):
        open_storage("postgresql://host:port:more/x", tmp_path)


def test_a_folder_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        open_storage(None, tmp_path / "file")
    (tmp_path / "run" / "study.db").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be written"):
        open_storage(None, tmp_path / "run")


def test_a_study_db_that_is_not_a_database_is_left_untouched(tmp_path):
    (tmp_path / "study.db").write_text("this is a letter, not a data base" * 50)
    with pytest.raises(InputError, match="move it away"):
        open_storage(None, tmp_path)
    assert (tmp_path / "study.db").read_text().startswith("this is a letter")


@pytest.mark.parametrize("url", ["journal:", "journal:missing/run.journal", "journal:folder"])
def test_a_journal_needs_a_file_in_a_folder(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="journal:PATH"):
        open_storage(url, tmp_path)


def test_a_transaction_is_atomic(tmp_path):
    opened = open_storage(None, tmp_path)
    study = opened.storage.create_new_study([StudyDirection.MAXIMIZE], "a")
    trial = opened.storage.create_new_trial(study)
    with contextlib.suppress(ZeroDivisionError), opened.transaction():
        opened.storage.set_trial_user_attr(trial, "lost", 1)
        raise ZeroDivisionError
    with opened.transaction():
        opened.storage.set_trial_user_attr(trial, "kept", 2)
        opened.storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])
        assert reads(tmp_path / "study.db", "SELECT key FROM trial_user_attributes") == []
    assert reads(tmp_path / "study.db", "SELECT key FROM trial_user_attributes") == [("kept",)]
    assert reads(tmp_path / "study.db", "SELECT state FROM trials") == [("COMPLETE",)]
    assert opened.storage.get_trial(trial).user_attrs == {"kept": 2}
    opened.close()


def reads(path, query):
    """What another program reads from the file."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_reading_creates_no_files(tmp_path):
    for url in (None, f"journal:{tmp_path}/run.journal", f"sqlite:///{tmp_path}/other.db"):
        with pytest.raises(RunFolderError, match="holds no run"):
            open_storage(url, tmp_path, must_exist=True)
    assert list(tmp_path.iterdir()) == []


def hold(url, run_folder, path, count):
    opened = open_storage(url, run_folder)
    for _ in range(count):
        with opened.exclusive("run"):
            value = int(path.read_text())
            path.write_text(str(value + 1))
    opened.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12, because of pytest-xdist's thread
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_only_one_process_at_a_time_is_in_the_exclusive_context(kind, tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    url = f"journal:{tmp_path}/run.journal" if kind == "journal" else None
    open_storage(url, tmp_path).close()
    others = [multiprocessing.get_context("fork").Process(target=hold, args=(url, tmp_path, counter, 100)) for _ in range(2)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert counter.read_text() == "200"


def failing(times, error):
    """A function that fails so many times, then returns how often it was called."""
    calls = []

    def call():
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return call


def wrapped(cause):
    """The error as Optuna raises it."""
    error = StorageInternalError("An exception is raised during the commit.")
    error.__cause__ = cause
    return error


LOCKED = sqlalchemy.exc.OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))
FULL = sqlalchemy.exc.OperationalError("UPDATE", {}, sqlite3.OperationalError("database or disk is full"))
GONE = sqlalchemy.exc.OperationalError("UPDATE", {}, ConnectionError("server closed the connection unexpectedly"))


@pytest.mark.parametrize("error", [LOCKED, wrapped(LOCKED), GONE, wrapped(GONE), OSError(errno.ESTALE, "stale")])
def test_a_transient_error_is_retried(error):
    assert with_retries(failing(2, error)) == 3


@pytest.mark.parametrize("error", [FULL, wrapped(FULL), OSError(errno.ENOSPC, "No space left on device")])
def test_a_full_disk_is_reported_at_once(error):
    call = failing(1, error)
    with pytest.raises(RunFolderError, match="disk of the run's ledger is full"):
        with_retries(call)
    assert call() == 2


@pytest.mark.parametrize("error", [KeyError("x"), PermissionError(13, "no"), StorageInternalError("x")])
def test_a_permanent_error_is_raised_at_once(error):
    call = failing(1, error)
    with pytest.raises(type(error)):
        with_retries(call)
    assert call() == 2
    assert not is_transient(error)


def test_retrying_ends_with_an_error_message():
    with pytest.raises(RunFolderError, match=r"unavailable.*locked.*same command"):
        with_retries(failing(10**9, wrapped(LOCKED)), patience=0.2)


def test_retrying_is_bounded_and_outlasts_the_restart_of_a_server():
    assert 30 <= module.PATIENCE_S <= 600
