"""Data for nodes that do not see the run folder: they go into Ray's object store once, whatever number of trainings read them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archwright.data.raw_data import Array
from archwright.evaluate.job import Job
from archwright.execute.ray.task import Luggage, forget_data
from archwright.execute.ray.transfer import pack

FORGET_SECONDS = 5.0


class SharedData:
    """Luggage for trainings, from when a node said that it needs some."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._needed = False
        self._stored: dict[str, tuple[str, dict[str, Any]]] = {}

    def take_along(self) -> None:
        """From now on trainings have luggage."""
        self._needed = True

    def luggage(self, job: Job) -> Luggage | None:
        """What the job needs where the run folder is not seen; None before a node said so. Raises OSError if it cannot be read."""
        if not self._needed:
            return None
        key, data = self._data_of(job.data)
        return Luggage(pack(job), key, data)

    def forget(self) -> None:
        """Have the data deleted where they were laid down, and let go of those in the store."""
        keys = [key for key, _ in self._stored.values()]
        self._stored = {}
        if keys:
            tasks = [self._on(node).remote(keys) for node in self._ray.nodes() if node["Alive"]]
            self._ray.wait(tasks, num_returns=len(tasks), timeout=FORGET_SECONDS)

    def _on(self, node: Mapping[str, Any]) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        return self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=strategy)(forget_data)

    def _data_of(self, folder: str) -> tuple[str, dict[str, Any]]:
        """The name of this content, and each file's place in the store."""
        if folder not in self._stored:
            root = Path(folder)
            files = sorted(path for path in root.rglob("*") if path.is_file()) if folder else []
            contents = {path.relative_to(root).as_posix(): path for path in files}
            self._stored[folder] = _key(contents), {name: self._ray.put(_bytes_of(path)) for name, path in contents.items()}
        return self._stored[folder]


def _key(files: dict[str, Path]) -> str:
    """problem.json names the rows of all splits; a file that is not as large as it was is another one."""
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(f"{name} {path.stat().st_size}\n".encode())
        if path.suffix == ".json":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _bytes_of(path: Path) -> Array:
    """A file's content (n,) uint8, without a copy in this process: Ray copies it into its store from where it lies."""
    return np.asarray(np.memmap(path, np.uint8, "r")) if path.stat().st_size else np.zeros(0, np.uint8)
