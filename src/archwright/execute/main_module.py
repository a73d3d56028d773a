"""The caller's `__main__`: never run again in a training process, but its spaces are known there, from notebooks too."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager

import cloudpickle

from archwright.evaluate.job import Job
from archwright.plugins import find


@contextmanager
def main_left_alone() -> Iterator[None]:
    """A process started inside does not run the caller's script again, as multiprocessing has it by default.

    So a script without the `if __name__ == "__main__"` guard works, and no side effect of it happens twice.
    """
    main = vars(sys.modules["__main__"])
    hidden: dict[str, object] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


def pack_main(job: Job, run: str) -> bytes:
    """What the job names as `__main__:NAME`, by value. It only ever goes through a pipe to our own process."""
    paths = [run, job.baseline or "", str((job.architecture or {}).get("space", ""))]
    objects = {path.partition(":")[2]: find(path, {}, "", "part") for path in paths if path.startswith("__main__:")}
    return cloudpickle.dumps([(name, obj, _field_types(obj)) for name, obj in objects.items()]) if objects else b""


def unpack_main(packed: bytes) -> None:
    """Put what `pack_main` packed where it will be looked for: into this process's `__main__`."""
    for name, obj, types in cloudpickle.loads(packed) if packed else []:
        if types:
            obj.__annotations__ = types
        setattr(sys.modules["__main__"], name, obj)


def _field_types(obj: object) -> dict[str, object]:
    """A dataclass's annotations as types: as texts, they would be looked up in a `__main__` that is not there."""
    return typing.get_type_hints(obj) if dataclasses.is_dataclass(obj) else {}
