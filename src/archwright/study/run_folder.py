"""The run folder: what was asked, the data, the clock, one folder a training, and the files that others read."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archwright.data.problem import Problem
from archwright.errors import RunFolderError
from archwright.ledger.json_file import create_json, read_json, write_json
from archwright.ledger.row import Row
from archwright.study.request import Request

ASKED = "run.json"


def refuse_occupied(path: Path, kind: str) -> None:
    """Raises RunFolderError where a folder that holds no `kind` of ours is not empty, but for hidden files."""
    if path.exists() and any(not entry.name.startswith(".") for entry in path.iterdir()):
        raise RunFolderError(f"{path} is not empty and holds no {kind}: give another folder with --out")


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run folder."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def candidates(self) -> Path:
        return self.path / "candidates.csv"

    @property
    def test_accesses(self) -> Path:
        return self.path / "test_accesses.jsonl"

    def training_of(self, row: Row) -> Path:
        """Where one training keeps its checkpoint, log and result."""
        return self.path / "trainings" / training_key(row)

    def check_begun(self) -> None:
        """Raises RunFolderError where no run was begun here."""
        if not (self.path / ASKED).exists():
            raise RunFolderError(f"{self.path} holds no run: give a folder that `archwright search` wrote")

    def check(self, request: Request, problem: Problem) -> None:
        """Raises RunFolderError where there is another run here than the one asked for, or something else; writes nothing."""
        asked = self.path / ASKED
        if asked.exists():
            self._compare(self.asked, self._fixed(request, problem), request)
        else:
            refuse_occupied(self.path, "run")

    def claim(self, request: Request, problem: Problem) -> None:
        """Begin the run here, unless it is here already; of several starts at a time the first one decides."""
        self.path.mkdir(parents=True, exist_ok=True)
        name = f"{self.path.name}-{uuid.uuid4().hex[:8]}"
        create_json(self.path / ASKED, {**self._fixed(request, problem), **_bound(request), "name": name})

    def extend(self, request: Request) -> None:
        """Write down how long the run is to be now."""
        write_json(self.path / ASKED, {**self.asked, **_bound(request)})

    @property
    def run_id(self) -> str:
        """What the run is called in its ledger: the name that several machines share it by, or one of its own."""
        asked = self.asked
        return str(asked.get("study") or asked["name"])

    @property
    def asked(self) -> dict[str, Any]:
        """What the run was begun with. `name`: of the run in its ledger; it stays when the folder is moved."""
        asked: dict[str, Any] = read_json(self.path / ASKED)
        return asked

    def _fixed(self, request: Request, problem: Problem) -> dict[str, Any]:
        return {**request.fixed(), "data_hash": problem.data_hash}

    def _compare(self, before: Mapping[str, Any], now: Mapping[str, Any], request: Request) -> None:
        if before.get("data_hash") != now["data_hash"]:
            raise RunFolderError(
                f"{self.path} belongs to other data ({before.get('source')}): give another folder with --out, "
                "or the data that the run was begun with"
            )
        now_as_stored = json.loads(json.dumps(now))
        changed = [key for key in now_as_stored if before.get(key) != now_as_stored[key]]
        if changed:
            told = "; ".join(f"{key} was {before.get(key)!r} and is now {now_as_stored[key]!r}" for key in changed)
            raise RunFolderError(
                f"{self.path} holds a run with other settings ({told}): give another folder with --out, or the same settings; "
                "only more trials or minutes, other workers and another executor continue a run"
            )
        for name in ("trials", "minutes"):
            had, has = before.get(name), getattr(request, name)
            if (had is None) != (has is None):
                raise RunFolderError(
                    f"{self.path} is bounded by {'trials' if before.get('trials') else 'minutes'}: continue it by these"
                )
            if had is not None and has < had:
                raise RunFolderError(f"{self.path} was run with {had} {name}, now {has} are asked for: give at least {had}")


def _bound(request: Request) -> dict[str, Any]:
    return {"trials": request.trials, "minutes": request.minutes}


def training_key(row: Row) -> str:
    """The name of one training within its run, which is a file name too; nothing in it can lead out of its folder."""
    name = re.sub(r"[^A-Za-z0-9_+]+", "_", row.strategy or row.baseline or "")
    return f"{row.run_number:05d}-{row.stage}-{name}"


class Clock:
    """Wall-clock seconds spent on a run, over all its starts; kept in a small file, so that a kill costs a few seconds at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = float(read_json(path)["seconds"]) if path.exists() else 0.0
        self._start = time.monotonic()
        self._saved = self._start

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._start

    def save(self, every: float = 2.0) -> None:
        """Write the time down, at most each `every` seconds."""
        now = time.monotonic()
        if now - self._saved >= every:
            write_json(self._path, {"seconds": round(self.seconds, 2)})
            self._saved = now
