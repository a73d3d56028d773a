"""Data for nodes that cannot see the run folder: put into Ray's object store once, for all trainings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archwright.data.raw_data import Array
from archwright.evaluate.job import Job
from archwright.execute.ray.task import Inputs, delete_node_data
from archwright.execute.ray.transfer import pack

DELETE_SECONDS = 5.0


class SharedData:
    """The inputs sent along with trainings, as soon as a node has reported that it cannot see the run folder."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._needed = False
        self._stored: dict[str, tuple[str, dict[str, Any]]] = {}

    def enable(self) -> None:
        """From now on, send inputs along with trainings."""
        self._needed = True

    def inputs(self, job: Job) -> Inputs | None:
        """The job's inputs, for a worker that cannot see the run folder; None unless enabled. Raises OSError if unreadable."""
        if not self._needed:
            return None
        key, data = self._data_of(job.data)
        return Inputs(pack(job), key, data)

    def delete(self) -> None:
        """Delete the data on the nodes, and release them in the object store."""
        keys = [key for key, _ in self._stored.values()]
        self._stored = {}
        if keys:
            tasks = [self._on(node).remote(keys) for node in self._ray.nodes() if node["Alive"]]
            self._ray.wait(tasks, num_returns=len(tasks), timeout=DELETE_SECONDS)

    def _on(self, node: Mapping[str, Any]) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        return self._ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=strategy)(delete_node_data)

    def _data_of(self, folder: str) -> tuple[str, dict[str, Any]]:
        """A key of the data's content, and each file's reference in the object store."""
        if folder not in self._stored:
            root = Path(folder)
            files = sorted(path for path in root.rglob("*") if path.is_file()) if folder else []
            contents = {path.relative_to(root).as_posix(): path for path in files}
            self._stored[folder] = _key(contents), {name: self._ray.put(_bytes_of(path)) for name, path in contents.items()}
        return self._stored[folder]


def _key(files: dict[str, Path]) -> str:
    """A digest of names, sizes and JSON files; problem.json identifies the rows of all splits."""
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(f"{name} {path.stat().st_size}\n".encode())
        if path.suffix == ".json":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _bytes_of(path: Path) -> Array:
    """A file's content, (n,) uint8, memory-mapped: Ray copies it into its object store without a copy in this process."""
    return np.asarray(np.memmap(path, np.uint8, "r")) if path.stat().st_size else np.zeros(0, np.uint8)
