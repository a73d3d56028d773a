"""The caller's `__main__`: never run again in a training process, yet its spaces are known there, also from notebooks."""

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
    """A process started inside does not run the caller's script again, as multiprocessing would by default.

    So a script without the `if __name__ == "__main__"` guard works, and none of its side effects happens twice.
    """
    main = vars(sys.modules["__main__"])
    hidden: dict[str, object] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


def pack_main(job: Job, run: str) -> bytes:
    """The objects that the job names as `__main__:NAME`, by value. They only go through a pipe to a process of our own."""
    paths = [run, job.baseline or "", str((job.architecture or {}).get("space", ""))]
    objects = {path.partition(":")[2]: find(path, {}, "", "part") for path in paths if path.startswith("__main__:")}
    return cloudpickle.dumps([(name, obj, _field_types(obj)) for name, obj in objects.items()]) if objects else b""


def unpack_main(packed: bytes) -> None:
    """Put what `pack_main` packed into this process's `__main__`, where it will be looked up."""
    for name, obj, types in cloudpickle.loads(packed) if packed else []:
        if types:
            obj.__annotations__ = types
        setattr(sys.modules["__main__"], name, obj)


def _field_types(obj: object) -> dict[str, object]:
    """A dataclass's annotations as types: as strings, they would be looked up in a `__main__` that does not exist here."""
    return typing.get_type_hints(obj) if dataclasses.is_dataclass(obj) else {}
