"""Files that a training takes to a machine that cannot see the run folder, and files that it sends back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from archwright.atomic_file import written_atomically
from archwright.evaluate.job import RESULT, Job

LOG = "test_accesses.jsonl"
"""A log beside the data, with a line for each access to the test split."""

Files = Mapping[str, bytes | None]
"""Contents by transfer name, such as folder/log.txt. None: the file was deleted."""


def pack(job: Job) -> dict[str, bytes]:
    """The files in the job's folder, and in those of the trainings that it continues."""
    names = {f"{name}/{file}": folder / file for name, folder in _folders(job).items() for file in _files_in(folder)}
    contents = {name: _content(path) for name, path in names.items()}
    return {name: content for name, content in contents.items() if content is not None}


def unpack(job: Job, files: Mapping[str, bytes], root: Path) -> Job:
    """Write the files below `root`; returns the job with its folders there, and its data at root/data."""
    moved = _moved(job, root)
    for folder in _folders(moved).values():
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = _path_of(moved, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return moved


def put_in_place(job: Job, files: Files) -> None:
    """Apply the changes that a training sent back, each file atomically: first other files, then the result, then deletions.

    So if this process is killed halfway, all that is needed to resume the training exists until its result does. Raises OSError.
    """
    for name in sorted(files, key=lambda name: (files[name] is None, name.endswith(f"/{RESULT}"))):
        content, path = files[name], _path_of(job, name)
        if name == LOG:
            _append(path, content or b"")
        elif content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_atomically(path) as temporary:
                temporary.write_bytes(content)


class Changes:
    """Tracks the files that a training on a remote machine has written and deleted since the last call of `take`."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._known = self._stamps()
        self._log = Path(job.data).parent / LOG
        self._log_bytes_reported = 0

    @property
    def test_was_read(self) -> bool:
        """Whether an access to the test split has not been reported yet."""
        return self._log.exists() and self._log.stat().st_size > self._log_bytes_reported

    def take(self) -> dict[str, bytes | None]:
        """The changes since the last call."""
        before, self._known = self._known, self._stamps()
        changed = [name for name, stamp in self._known.items() if before.get(name) != stamp]
        gone = [name for name in before if name not in self._known]
        return {**{name: _content(_path_of(self._job, name)) for name in (*changed, *gone)}, **self._new_accesses()}

    def _stamps(self) -> dict[str, tuple[int, int, int]]:
        """For each file, values that change whenever it is written."""
        stamps = {}
        for name, folder in _folders(self._job).items():
            for file in _files_in(folder):
                with suppress(FileNotFoundError):
                    stat = (folder / file).stat()
                    stamps[f"{name}/{file}"] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return stamps

    def _new_accesses(self) -> dict[str, bytes]:
        if not self.test_was_read:
            return {}
        lines = self._log.read_bytes()[self._log_bytes_reported :]
        self._log_bytes_reported += len(lines)
        return {LOG: lines}


def _folders(job: Job) -> dict[str, Path]:
    """The folders that a job reads and writes besides the data, by transfer name."""
    folders = {"folder": Path(job.folder)}
    if job.continues is not None:
        folders["continues"] = Path(job.continues)
    if job.supernet is not None and "trained" in job.supernet:
        folders["trained"] = Path(job.supernet["trained"])
    return folders


def _moved(job: Job, root: Path) -> Job:
    """The job with its data and its folders below `root`."""
    folders = {name: str(root / name) for name in _folders(job)}
    supernet = {**job.supernet, "trained": folders.pop("trained")} if job.supernet and "trained" in folders else job.supernet
    return replace(job, data=str(root / "data"), supernet=supernet, **folders)  # type: ignore[arg-type]


def _path_of(job: Job, name: str) -> Path:
    """The path of a transferred file. Raises ValueError if it is outside the job's folders."""
    if name == LOG:
        return Path(job.data).parent / LOG
    folder, _, file = name.partition("/")
    root = _folders(job)[folder]
    path = Path(os.path.normpath(root / file))
    if not path.is_relative_to(os.path.normpath(root)):
        raise ValueError(f"{name} is outside the training's folder")
    return path


def _files_in(folder: Path) -> Iterator[str]:
    """Complete files: names that begin with a dot are temporary or private."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _append(path: Path, lines: bytes) -> None:
    """Append in a single write, so that several processes may do so."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, lines)
    finally:
        os.close(file)
