"""What a training takes along to a machine that does not see the run folder, and what it brings back from there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from archwright.atomic_file import written_atomically
from archwright.evaluate.job import Job
from archwright.execute.attempt import RESULT

LOG = "test_accesses.jsonl"
"""Beside the data, each reading of the test split has a line here."""

Files = Mapping[str, bytes | None]
"""By their names on the way, such as folder/log.txt. None: the file is gone."""


def pack(job: Job) -> dict[str, bytes]:
    """What lies in the job's folder, and in those that it goes on from."""
    names = {f"{name}/{file}": folder / file for name, folder in _folders(job).items() for file in _files_in(folder)}
    contents = {name: _content(path) for name, path in names.items()}
    return {name: content for name, content in contents.items() if content is not None}


def unpack(job: Job, files: Mapping[str, bytes], root: Path) -> Job:
    """Lay the files down below `root`; returns the job as it is there, with its data at root/data."""
    there = _moved(job, root)
    for folder in _folders(there).values():
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = _place(there, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return there


def put_in_place(job: Job, files: Files) -> None:
    """What a training has brought back, each file whole or not at all; the result late, and last what it has deleted.

    So whoever is killed on the way, what a training needs to be continued is there until its result is. Raises OSError.
    """
    for name in sorted(files, key=lambda name: (files[name] is None, name.endswith(f"/{RESULT}"))):
        content, path = files[name], _place(job, name)
        if name == LOG:
            _append(path, content or b"")
        elif content is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_atomically(path) as unfinished:
                unfinished.write_bytes(content)


class Changes:
    """What a training far from the run folder has written and deleted since it was last asked."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._known = self._stamps()
        self._log = Path(job.data).parent / LOG
        self._log_told = 0

    @property
    def test_was_read(self) -> bool:
        """Whether there is a reading of the test split that nobody was told of."""
        return self._log.exists() and self._log.stat().st_size > self._log_told

    def take(self) -> dict[str, bytes | None]:
        """The changes; they are known from now on."""
        before, self._known = self._known, self._stamps()
        changed = [name for name, stamp in self._known.items() if before.get(name) != stamp]
        gone = [name for name in before if name not in self._known]
        return {**{name: _content(_place(self._job, name)) for name in (*changed, *gone)}, **self._readings()}

    def _stamps(self) -> dict[str, tuple[int, int, int]]:
        """Each file, and what is another when it was written anew."""
        stamps = {}
        for name, folder in _folders(self._job).items():
            for file in _files_in(folder):
                with suppress(FileNotFoundError):
                    stat = (folder / file).stat()
                    stamps[f"{name}/{file}"] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return stamps

    def _readings(self) -> dict[str, bytes]:
        if not self.test_was_read:
            return {}
        lines = self._log.read_bytes()[self._log_told :]
        self._log_told += len(lines)
        return {LOG: lines}


def _folders(job: Job) -> dict[str, Path]:
    """What a job reads and writes beside the data, by the names that they have on the way."""
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


def _place(job: Job, name: str) -> Path:
    """Where a file belongs; nothing leads out of the job's folders."""
    if name == LOG:
        return Path(job.data).parent / LOG
    folder, _, file = name.partition("/")
    root = _folders(job)[folder]
    path = Path(os.path.normpath(root / file))
    if not path.is_relative_to(os.path.normpath(root)):
        raise ValueError(f"{name} lies outside of the training's folder")
    return path


def _files_in(folder: Path) -> Iterator[str]:
    """Whole files: what begins with a dot is being written, or nobody else's business."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _append(path: Path, lines: bytes) -> None:
    """At once, so that several may."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, lines)
    finally:
        os.close(file)
