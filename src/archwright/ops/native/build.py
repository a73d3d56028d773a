"""Compiles the kernel for this machine: `python -m archwright.ops.native.build`, or `make native`. Needs a C++20 compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from torch.utils.cpp_extension import include_paths, library_paths

from archwright.ops.native import FOLDER, library, sources

FLAGS = ("-std=c++20", "-O3", "-march=native", "-ffp-contract=fast", "-fPIC", "-fopenmp", "-Wall", "-Wno-psabi")


def build() -> Path:
    """Compiles each source and links them. Raises CalledProcessError where the compiler fails, which says itself why.

    Not linked with an OpenMP of its own: torch brings one along, and two would take each other's processors.
    """
    compiler = os.environ.get("CXX", "c++")
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for source in (source for source in sources() if source.suffix == ".cpp"):
            objects.append(f"{folder}/{source.stem}.o")
            includes = [f"-I{path}" for path in include_paths()]
            subprocess.run([compiler, *FLAGS, *includes, "-c", str(source), "-o", objects[-1]], check=True)
        made = Path(folder) / library().name
        places = [f"-L{path}" for path in library_paths()]
        linked = ["-ltorch_cpu", "-ltorch", "-lc10"]
        subprocess.run([compiler, "-shared", *objects, *places, *linked, "-o", str(made)], check=True)
        return _installed(made)


def _installed(made: Path) -> Path:
    """In its place, in one step; what other sources had made is removed."""
    path = library()
    waiting = path.with_suffix(".new")
    waiting.write_bytes(made.read_bytes())
    waiting.replace(path)
    for other in FOLDER.glob("kernel-*.so"):
        if other != path:
            other.unlink()
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
