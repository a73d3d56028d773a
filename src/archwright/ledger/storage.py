"""Where a run's ledger is kept: SQLite in the run folder, PostgreSQL, or Optuna's journal in a shared folder."""

from __future__ import annotations

import hashlib
import logging
import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from errno import EAGAIN, EBUSY, EDQUOT, EIO, ENOSPC, ESTALE, ETIMEDOUT
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, get_storage
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from archwright.errors import InputError, RunFolderError
from archwright.ledger.interruption import uninterrupted
from archwright.ledger.journal import file_lock, open_journal

KNOWN = "postgresql://USER:PASSWORD@HOST/DATABASE, journal:PATH or sqlite:///PATH"
SQLITE_WAIT_S = 60.0
"""How long one SQLite connection waits for another's write; a write takes milliseconds."""
PATIENCE_S = 120.0
"""How long a storage may be out of reach (a database server that restarts) before the run gives up."""

logger = logging.getLogger(__name__)
T = TypeVar("T")
Kind = Literal["memory", "sqlite", "postgresql", "journal"]


def _at_once(_run_id: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class OpenStorage:
    """An open Optuna storage. `place`: how to name it to people, without a password. `notes`: what was mended when opening it.

    `alone(run_id)` is a context in which no other coordinator of that run is in the same context. What is written to trials within
    `transaction()` is written at once or not at all, where the storage is a database; elsewhere one thing after the other.
    `leave_thread` gives back the calling thread's connection, `close` all of them.
    """

    storage: BaseStorage
    kind: Kind
    place: str
    notes: tuple[str, ...] = ()
    alone: Callable[[str], AbstractContextManager[None]] = _at_once
    transaction: Callable[[], AbstractContextManager[None]] = nullcontext
    leave_thread: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None

    @property
    def shared(self) -> bool:
        """Whether several coordinators may write at the same time."""
        return self.kind in ("postgresql", "journal")


def open_storage(url: str | None, run_folder: Path, must_exist: bool = False) -> OpenStorage:
    """The storage behind `url`; by default `study.db`, SQLite, in the run folder. `memory:` forgets all at the end (simulations).

    Raises InputError where the URL is of no known kind, the server cannot be reached, or the file cannot be read or written,
    and RunFolderError where the file `must_exist` and does not.
    """
    for name in ("optuna.storages", "alembic"):  # "A new study created in RDB" is not for the user
        logging.getLogger(name).setLevel(logging.ERROR)
    if url is None or url.startswith("sqlite:///"):
        return _open_sqlite(Path(url.removeprefix("sqlite:///")) if url else run_folder / "study.db", must_exist)
    if url.startswith(("postgresql:", "postgresql+", "postgres:")):
        return _open_postgresql(url)
    if url.startswith("journal:"):
        return _open_journal(url.removeprefix("journal:"), must_exist)
    if url == "memory:":
        return OpenStorage(InMemoryStorage(), "memory", "memory")
    raise InputError(f"--storage {url.partition(':')[0]!r}... is not a known kind of storage: give {KNOWN}")


def check_storage(url: str | None, run_folder: Path) -> None:
    """Raises InputError where `open_storage` would, or the storage would not outlast the run. Leaves the run folder as it is."""
    if url is None:
        return
    if url == "memory:":
        raise InputError(f"--storage memory: forgets the run at its end: give {KNOWN}")
    open_storage(url, run_folder).close()


def without_password(url: str | None) -> str | None:
    """The URL as it may be shown."""
    return re.sub(r"(://[^:/@]*):[^/]*@", r"\1:***@", url) if url is not None else None


def _open_sqlite(path: Path, must_exist: bool) -> OpenStorage:
    """Optuna advises against SQLite for several writers, so a run in it has one coordinator (see `Ledger.open`).

    The rollback journal is kept (no WAL): it also works on network file systems, and `study.db` alone is the whole ledger. Its file
    is deleted at the end only, and is empty between two writes: on a busy disk, each deletion takes longer than all else.
    """
    path = path.absolute()
    _check_exists(path, must_exist)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): give a folder that can be written with --out") from error
    url = sqlalchemy.URL.create("sqlite", database=str(path))
    mend = "move it away, or give another folder with --out"
    making_tables = nullcontext() if must_exist else file_lock(path)
    rdb = _open_database(url, {"timeout": SQLITE_WAIT_S}, making_tables, f"{path} is not a study that can be read", mend)
    sqlalchemy.event.listen(rdb.engine, "connect", _keep_journal)
    rdb.engine.dispose()  # the connections made before that
    return _of_database(rdb, "sqlite", str(path), lambda _run_id: file_lock(path), lambda: _delete_journal(rdb))


def _keep_journal(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=TRUNCATE")


def _delete_journal(rdb: RDBStorage) -> None:
    with suppress(SQLAlchemyError), rdb.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")


def _open_postgresql(url: str) -> OpenStorage:
    scheme, _, rest = url.partition(":")
    scheme = "postgresql+psycopg" if scheme in ("postgresql", "postgres") else scheme
    try:
        parsed = sqlalchemy.make_url(f"{scheme}:{rest}")
    except (ArgumentError, ValueError) as error:
        raise InputError(f"--storage {scheme}:... is not a URL: write {KNOWN}, with %-escapes for signs in the password") from error
    place = parsed.set(drivername="postgresql").render_as_string(hide_password=True)
    mend = "see that the server runs and that host, port, user, password and database are right"
    connect = {"connect_timeout": 10.0}
    rdb = _open_database(parsed, connect, _making_tables(parsed, connect), f"{place} cannot be opened", mend)
    return _of_database(rdb, "postgresql", place, lambda run_id: _advisory_lock(rdb.engine, run_id))


def _open_database(
    url: sqlalchemy.URL, connect: dict[str, float], making_tables: AbstractContextManager[None], trouble: str, mend: str
) -> RDBStorage:
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")  # Optuna formats the URL
    try:
        with making_tables:
            return RDBStorage(text, engine_kwargs={"connect_args": connect, "pool_pre_ping": url.drivername != "sqlite"})
    except ImportError as error:
        raise InputError("PostgreSQL needs the driver psycopg: pip install 'archwright[postgres]'") from error
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        cause = _database_error(error)
        told = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip().splitlines()
        raise InputError(f"{trouble} ({told[0] if told else cause}): {mend}") from error


def _of_database(
    rdb: RDBStorage,
    kind: Kind,
    place: str,
    alone: Callable[[str], AbstractContextManager[None]],
    tidy_up: Callable[[], None] = lambda: None,
) -> OpenStorage:
    def close() -> None:
        rdb.remove_session()
        tidy_up()
        rdb.engine.dispose()

    return OpenStorage(get_storage(rdb), kind, place, (), alone, lambda: _transaction(rdb), rdb.remove_session, close)


@contextmanager
def _transaction(rdb: RDBStorage) -> Iterator[None]:
    """Optuna's sessions of this thread join one transaction inside: their own commits wait for its end, and an error undoes all."""
    rdb.remove_session()
    try:
        with rdb.engine.begin() as connection:
            rdb.scoped_session(bind=connection, join_transaction_mode="rollback_only")
            yield
    finally:
        rdb.remove_session()


@contextmanager
def _making_tables(url: sqlalchemy.URL, connect: dict[str, float]) -> Iterator[None]:
    """Nobody else does: Optuna makes its tables where there are none, and two at once get into each other's way."""
    engine = sqlalchemy.create_engine(url, connect_args=connect)
    try:
        with _advisory_lock(engine, "tables"):
            yield
    finally:
        engine.dispose()


@contextmanager
def _advisory_lock(engine: sqlalchemy.Engine, name: str) -> Iterator[None]:
    """PostgreSQL's own lock under a number of our choice; the server frees it when the transaction or the process ends."""
    number = int.from_bytes(hashlib.sha256(f"archwright/{name}".encode()).digest()[:8], "big", signed=True)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
        yield


def _check_exists(path: Path, must_exist: bool) -> None:
    if must_exist and not path.exists():
        raise RunFolderError(
            f"{path.parent} holds no run (there is no {path.name}): give the folder, and the --storage, of a search"
        )


def _open_journal(given: str, must_exist: bool) -> OpenStorage:
    path = Path(given).absolute()
    if not given or path.is_dir() or not path.parent.is_dir():
        raise InputError(f"journal:{given} names no file in an existing folder: give journal:PATH, in a folder that is there")
    _check_exists(path, must_exist)
    try:
        storage, notes = open_journal(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): give a journal:PATH that can be written") from error
    return OpenStorage(storage, "journal", str(path), notes, lambda run_id: file_lock(_turn_file(path, run_id)))


def _turn_file(journal: Path, run_id: str) -> Path:
    """Another lock than the journal's own, which each append takes: this one is held over several of them."""
    return journal.with_name(f"{journal.name}.{hashlib.sha256(run_id.encode()).hexdigest()[:8]}.turn")


def patiently(call: Callable[[], T], patience: float = PATIENCE_S) -> T:
    """What `call` returns; where the storage is out of reach for a while, it is called again, at growing intervals.

    `call` must not mind to be called again after it was done but could not say so.
    Raises RunFolderError where that lasts longer than `patience` seconds, or the disk is full; other errors pass.
    """
    start, pause = time.monotonic(), 0.05
    while True:
        try:
            with uninterrupted():
                return call()
        except (StorageInternalError, SQLAlchemyError, OSError) as error:
            if is_full(error):
                told = str(_database_error(error)).partition("\n")[0]
                raise RunFolderError(
                    f"the disk of the run's ledger is full ({told}): make room, then give the same command again; "
                    "nothing finished is lost"
                ) from error
            if not out_of_reach(error):
                raise
            if time.monotonic() - start + pause > patience:
                told = str(_database_error(error)).partition("\n")[0]
                raise RunFolderError(
                    f"the run's storage has been out of reach for {patience:.0f} s ({told}): "
                    "nothing finished is lost; give the same command again when it is back"
                ) from error
            logger.warning("the run's storage is out of reach, trying again: %s", _database_error(error))
        time.sleep(pause * (0.5 + random.random()))  # not in step with the other coordinators; no part of any result
        pause = min(2 * pause, 5.0)


def out_of_reach(error: BaseException) -> bool:
    """Whether the same call may succeed in a moment: a locked SQLite file, a lost connection, a network file system's hiccup."""
    cause = _database_error(error)
    if isinstance(cause, DBAPIError):
        if isinstance(cause.orig, sqlite3.Error):
            return "locked" in str(cause.orig) or "busy" in str(cause.orig)
        return isinstance(cause, (OperationalError, InterfaceError)) or cause.connection_invalidated
    return isinstance(cause, OSError) and cause.errno in (EAGAIN, EBUSY, EIO, ESTALE, ETIMEDOUT)


def is_full(error: BaseException) -> bool:
    """Whether there was no room for what was to be written."""
    cause = _database_error(error)
    if isinstance(cause, DBAPIError):
        return "disk is full" in str(cause.orig) or "No space left" in str(cause.orig)
    return isinstance(cause, OSError) and cause.errno in (ENOSPC, EDQUOT)


def _database_error(error: BaseException) -> BaseException:
    """Optuna wraps what the database said."""
    return error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ is not None else error
