"""Storage of a run's ledger: SQLite in the run folder, PostgreSQL, or Optuna's journal in a shared folder."""

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
"""How long a SQLite connection waits for another's write; a write takes milliseconds."""
PATIENCE_S = 120.0
"""How long a storage may be unavailable (a database server that restarts) before the run gives up."""

logger = logging.getLogger(__name__)
T = TypeVar("T")
Kind = Literal["memory", "sqlite", "postgresql", "journal"]


def _no_lock(_run_id: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class OpenStorage:
    """An open Optuna storage. `place`: its name in messages, without a password. `notes`: what was repaired when opening it.

    `exclusive(run_id)`: a context that only one coordinator of that run can be in at a time. In a database, what is written to
    trials within `transaction()` is written atomically; in other storages, one write after the other. `close_thread` closes the
    calling thread's connection, `close` all of them.
    """

    storage: BaseStorage
    kind: Kind
    place: str
    notes: tuple[str, ...] = ()
    exclusive: Callable[[str], AbstractContextManager[None]] = _no_lock
    transaction: Callable[[], AbstractContextManager[None]] = nullcontext
    close_thread: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None

    @property
    def shared(self) -> bool:
        """Whether several coordinators may write at the same time."""
        return self.kind in ("postgresql", "journal")


def open_storage(url: str | None, run_folder: Path, must_exist: bool = False) -> OpenStorage:
    """Open the storage at `url`; default: `study.db`, SQLite, in the run folder. `memory:` keeps nothing (for simulations).

    Raises InputError if the URL is of an unknown kind, the server cannot be reached, or the file cannot be read or written, and
    RunFolderError if the file `must_exist` and does not.
    """
    for name in ("optuna.storages", "alembic"):  # messages such as "A new study created in RDB" are not for the user
        logging.getLogger(name).setLevel(logging.ERROR)
    if url is None or url.startswith("sqlite:///"):
        return _open_sqlite(Path(url.removeprefix("sqlite:///")) if url else run_folder / "study.db", must_exist)
    if url.startswith(("postgresql:", "postgresql+", "postgres:")):
        return _open_postgresql(url)
    if url.startswith("journal:"):
        return _open_journal(url.removeprefix("journal:"), must_exist)
    if url == "memory:":
        return OpenStorage(InMemoryStorage(), "memory", "memory")
    raise InputError(f"--storage {url.partition(':')[0]!r}... is an unknown kind of storage: give {KNOWN}")


def check_storage(url: str | None, run_folder: Path) -> None:
    """Raise InputError if `open_storage` would, or if the storage would not outlive the run. Does not touch the run folder."""
    if url is None:
        return
    if url == "memory:":
        raise InputError(f"--storage memory: does not outlive the command: give {KNOWN}")
    open_storage(url, run_folder).close()


def without_password(url: str | None) -> str | None:
    """The URL with its password masked."""
    return re.sub(r"(://[^:/@]*):[^/]*@", r"\1:***@", url) if url is not None else None


def _open_sqlite(path: Path, must_exist: bool) -> OpenStorage:
    """Optuna advises against SQLite for several writers, so a run in it has one coordinator (see `Ledger.open`).

    It uses a rollback journal (no WAL): that also works on network file systems, and `study.db` alone is the whole ledger. The
    journal file is truncated after each write and deleted only at the end: on a busy disk, deletion dominates the cost of a write.
    """
    path = path.absolute()
    _check_exists(path, must_exist)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): give a writable folder with --out") from error
    url = sqlalchemy.URL.create("sqlite", database=str(path))
    remedy = "move it away, or give another folder with --out"
    table_lock = nullcontext() if must_exist else file_lock(path)
    rdb = _open_database(url, {"timeout": SQLITE_WAIT_S}, table_lock, f"{path} is not a readable study", remedy)
    sqlalchemy.event.listen(rdb.engine, "connect", _keep_journal)
    rdb.engine.dispose()  # drop the connections opened before that
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
        raise InputError(
            f"--storage {scheme}:... is not a URL: write {KNOWN}, with special characters in the password %-escaped"
        ) from error
    place = parsed.set(drivername="postgresql").render_as_string(hide_password=True)
    remedy = "check that the server is running, and that host, port, user, password and database are correct"
    connect = {"connect_timeout": 10.0}
    rdb = _open_database(parsed, connect, _table_lock(parsed, connect), f"{place} cannot be opened", remedy)
    return _of_database(rdb, "postgresql", place, lambda run_id: _advisory_lock(rdb.engine, run_id))


def _open_database(
    url: sqlalchemy.URL, connect: dict[str, float], table_lock: AbstractContextManager[None], problem: str, remedy: str
) -> RDBStorage:
    text = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")  # Optuna applies str.format to the URL
    try:
        with table_lock:
            return RDBStorage(text, engine_kwargs={"connect_args": connect, "pool_pre_ping": url.drivername != "sqlite"})
    except ImportError as error:
        raise InputError("PostgreSQL needs the driver psycopg: pip install 'archwright[postgres]'") from error
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        cause = _database_error(error)
        lines = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip().splitlines()
        raise InputError(f"{problem} ({lines[0] if lines else cause}): {remedy}") from error


def _of_database(
    rdb: RDBStorage,
    kind: Kind,
    place: str,
    exclusive: Callable[[str], AbstractContextManager[None]],
    clean_up: Callable[[], None] = lambda: None,
) -> OpenStorage:
    def close() -> None:
        rdb.remove_session()
        clean_up()
        rdb.engine.dispose()

    return OpenStorage(get_storage(rdb), kind, place, (), exclusive, lambda: _transaction(rdb), rdb.remove_session, close)


@contextmanager
def _transaction(rdb: RDBStorage) -> Iterator[None]:
    """Inside, this thread's Optuna sessions join one transaction: their commits take effect at its end, an error rolls all back."""
    rdb.remove_session()
    try:
        with rdb.engine.begin() as connection:
            rdb.scoped_session(bind=connection, join_transaction_mode="rollback_only")
            yield
    finally:
        rdb.remove_session()


@contextmanager
def _table_lock(url: sqlalchemy.URL, connect: dict[str, float]) -> Iterator[None]:
    """Exclusive access while Optuna creates missing tables, as two processes that do so at once interfere."""
    engine = sqlalchemy.create_engine(url, connect_args=connect)
    try:
        with _advisory_lock(engine, "tables"):
            yield
    finally:
        engine.dispose()


@contextmanager
def _advisory_lock(engine: sqlalchemy.Engine, name: str) -> Iterator[None]:
    """PostgreSQL's advisory lock on a hash of `name`; the server releases it when the transaction or the process ends."""
    number = int.from_bytes(hashlib.sha256(f"archwright/{name}".encode()).digest()[:8], "big", signed=True)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
        yield


def _check_exists(path: Path, must_exist: bool) -> None:
    if must_exist and not path.exists():
        raise RunFolderError(f"{path.parent} holds no run (there is no {path.name}): give the folder and the --storage of a search")


def _open_journal(given: str, must_exist: bool) -> OpenStorage:
    path = Path(given).absolute()
    if not given or path.is_dir() or not path.parent.is_dir():
        raise InputError(f"journal:{given} names no file in an existing folder: give journal:PATH, in a folder that exists")
    _check_exists(path, must_exist)
    try:
        storage, notes = open_journal(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): give a writable journal:PATH") from error
    return OpenStorage(storage, "journal", str(path), notes, lambda run_id: file_lock(_exclusive_lock_file(path, run_id)))


def _exclusive_lock_file(journal: Path, run_id: str) -> Path:
    """The path of a lock other than the journal's own, which is taken for each append: this one is held across several."""
    return journal.with_name(f"{journal.name}.{hashlib.sha256(run_id.encode()).hexdigest()[:8]}.turn")


def with_retries(call: Callable[[], T], patience: float = PATIENCE_S) -> T:
    """Return `call()`, retrying at increasing intervals while the storage is unavailable.

    `call` must be idempotent, as it may have succeeded although it raised.
    Raises RunFolderError if the storage is unavailable for more than `patience` seconds or the disk full; other errors propagate.
    """
    start, pause = time.monotonic(), 0.05
    while True:
        try:
            with uninterrupted():
                return call()
        except (StorageInternalError, SQLAlchemyError, OSError) as error:
            if is_disk_full(error):
                cause = str(_database_error(error)).partition("\n")[0]
                raise RunFolderError(
                    f"the disk of the run's ledger is full ({cause}): free some space, then run the same command again; "
                    "no finished training is lost"
                ) from error
            if not is_transient(error):
                raise
            if time.monotonic() - start + pause > patience:
                cause = str(_database_error(error)).partition("\n")[0]
                raise RunFolderError(
                    f"the run's storage has been unavailable for {patience:.0f} s ({cause}): "
                    "run the same command again when it is back; no finished training is lost"
                ) from error
            logger.warning("the run's storage is unavailable, retrying: %s", _database_error(error))
        time.sleep(pause * (0.5 + random.random()))  # jitter, to avoid retrying in step with other coordinators; affects no result
        pause = min(2 * pause, 5.0)


def is_transient(error: BaseException) -> bool:
    """Whether the error is transient: a locked SQLite file, a lost connection, or a glitch of a network file system."""
    cause = _database_error(error)
    if isinstance(cause, DBAPIError):
        if isinstance(cause.orig, sqlite3.Error):
            return "locked" in str(cause.orig) or "busy" in str(cause.orig)
        return isinstance(cause, (OperationalError, InterfaceError)) or cause.connection_invalidated
    return isinstance(cause, OSError) and cause.errno in (EAGAIN, EBUSY, EIO, ESTALE, ETIMEDOUT)


def is_disk_full(error: BaseException) -> bool:
    """Whether a write failed because the disk is full."""
    cause = _database_error(error)
    if isinstance(cause, DBAPIError):
        return "disk is full" in str(cause.orig) or "No space left" in str(cause.orig)
    return isinstance(cause, OSError) and cause.errno in (ENOSPC, EDQUOT)


def _database_error(error: BaseException) -> BaseException:
    """The database's own error, which Optuna wraps."""
    return error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ is not None else error
