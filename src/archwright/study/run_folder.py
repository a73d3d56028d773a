"""The run folder: the request, the data, the clock, one folder per training, and the result files."""

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
    """Raises RunFolderError if a folder without a `kind` (run, benchmark) is not empty; hidden files do not count."""
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
        """The folder in which one training keeps its checkpoint, log and result."""
        return self.path / "trainings" / training_key(row)

    def check_begun(self) -> None:
        """Raises RunFolderError if no run was begun here."""
        if not (self.path / ASKED).exists():
            raise RunFolderError(f"{self.path} holds no run: give a folder that `archwright search` wrote")

    def check(self, request: Request, problem: Problem) -> None:
        """Raises RunFolderError if the folder holds anything but the requested run; writes nothing."""
        asked = self.path / ASKED
        if asked.exists():
            self._compare(self.asked, self._fixed(request, problem), request)
        else:
            refuse_occupied(self.path, "run")

    def claim(self, request: Request, problem: Problem) -> None:
        """Begin the run here, unless it was begun before; of several simultaneous starts the first one wins."""
        self.path.mkdir(parents=True, exist_ok=True)
        name = f"{self.path.name}-{uuid.uuid4().hex[:8]}"
        create_json(self.path / ASKED, {**self._fixed(request, problem), **_bound(request), "name": name})

    def extend(self, request: Request) -> None:
        """Record the current limit of the run."""
        write_json(self.path / ASKED, {**self.asked, **_bound(request)})

    @property
    def run_id(self) -> str:
        """The run's name in its ledger: the name under which several machines share it, or a generated one."""
        asked = self.asked
        return str(asked.get("study") or asked["name"])

    @property
    def asked(self) -> dict[str, Any]:
        """The request that began the run. `name`: the run's name in its ledger, which stays the same if the folder is moved."""
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
            changes = "; ".join(f"{key} was {before.get(key)!r} and is now {now_as_stored[key]!r}" for key in changed)
            raise RunFolderError(
                f"{self.path} holds a run with other settings ({changes}): give another folder with --out, or the same settings; "
                "a run can only be continued with more trials or minutes, other resources or another executor"
            )
        for name in ("trials", "minutes"):
            had, has = before.get(name), getattr(request, name)
            if (had is None) != (has is None):
                limit = "trials" if before.get("trials") else "minutes"
                raise RunFolderError(f"{self.path} holds a run limited by {limit}: continue it with --{limit}")
            if had is not None and has < had:
                raise RunFolderError(
                    f"{self.path} was run with {had} {name}, which is more than the {has} requested now: give at least {had}"
                )


def _bound(request: Request) -> dict[str, Any]:
    return {"trials": request.trials, "minutes": request.minutes}


def training_key(row: Row) -> str:
    """The name of one training within its run, safe to use as a folder name."""
    name = re.sub(r"[^A-Za-z0-9_+]+", "_", row.strategy or row.baseline or "")
    return f"{row.run_number:05d}-{row.stage}-{name}"


class Clock:
    """Wall-clock seconds spent on a run over all its starts, saved in a small file, so that a kill loses a few seconds at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = float(read_json(path)["seconds"]) if path.exists() else 0.0
        self._start = time.monotonic()
        self._saved = self._start

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._start

    def save(self, every: float = 2.0) -> None:
        """Save the time, at most once every `every` seconds."""
        now = time.monotonic()
        if now - self._saved >= every:
            write_json(self._path, {"seconds": round(self.seconds, 2)})
            self._saved = now
