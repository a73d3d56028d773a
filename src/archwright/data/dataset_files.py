"""Locates a data set's files: the user's folder, the cache, a Debian package's folder, or a download with a checksum."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from archwright.data.read_errors import reading
from archwright.errors import DataError

TIMEOUT_SECONDS = 30
FOLDER_VARIABLE = "ARCHWRIGHT_DATA"


@dataclass(frozen=True)
class Download:
    """One file of a data set. `md5`: as published by the authors. A `.tar.gz` is unpacked."""

    url: str
    md5: str

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Files:
    """The files of one data set. `system`: folders where packages install them. `package`: the Debian package, if there is one."""

    name: str
    downloads: tuple[Download, ...]
    system: tuple[str, ...] = ()
    package: str = ""


def locate(files: Files, complete: Callable[[Path], bool]) -> Path:
    """The first folder that is `complete`, else a download. Raises DataError that says how to get the files."""
    folders = [*own_folders(files.name), *map(Path, files.system)]
    for folder in folders:
        if folder.is_dir() and complete(folder):
            return folder
    cache = cache_folder() / files.name
    try:
        download(files.downloads, cache)
    except (OSError, HTTPException) as error:
        raise DataError(_missing(files, folders, error)) from None
    if not complete(cache):
        raise DataError(f"the download of {files.name!r} in {cache} is incomplete: delete the folder and try again")
    return cache


def own_folders(name: str) -> list[Path]:
    """The folder in the environment variable ARCHWRIGHT_DATA, and the one in the cache."""
    own = os.environ.get(FOLDER_VARIABLE)
    return [*([Path(own) / name] if own else []), cache_folder() / name]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/archwright`, by default `~/.cache/archwright`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "archwright"


def download(downloads: Sequence[Download], folder: Path) -> None:
    """Download into `folder`; a file appears there only when it is complete and verified.

    Raises OSError or HTTPException if the network fails, DataError for a wrong checksum.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for item in downloads:
        if (folder / item.file_name).is_file():
            continue
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as unfinished:
            file = Path(unfinished) / item.file_name
            _fetch(item, file)
            if file.name.endswith(".tar.gz"):
                _unpack(file, folder)
            else:
                os.replace(file, folder / item.file_name)


def _fetch(item: Download, file: Path) -> None:
    with urllib.request.urlopen(item.url, timeout=TIMEOUT_SECONDS) as response, file.open("wb") as out:
        shutil.copyfileobj(response, out)
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "md5").hexdigest()
    if found != item.md5:
        raise DataError(
            f"{item.url} has the checksum {found} instead of {item.md5}: try again later, or provide the files yourself"
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack beside `archive`, then move each top-level entry into `folder`."""
    inside = archive.parent / "content"
    with reading(archive, "a .tar.gz archive"), tarfile.open(archive) as tar:
        tar.extractall(inside, filter="data")
    for entry in inside.iterdir():
        if not (folder / entry.name).exists():
            os.replace(entry, folder / entry.name)


def _missing(files: Files, folders: Sequence[Path], error: Exception) -> str:
    install = f"install it with 'apt-get install {files.package}', or " if files.package else ""
    wanted = ", ".join(item.file_name for item in files.downloads)
    return (
        f"the files of {files.name!r} were not found in {', '.join(map(str, folders))} and could not be downloaded ({error}): "
        f"{install}put {wanted} (archives unpacked) into a folder {files.name} "
        f"and set {FOLDER_VARIABLE} to its parent folder"
    )
