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
    """Compiles and links the sources. Raises CalledProcessError if the compiler fails; the compiler prints the reason.

    Not linked with a separate OpenMP: torch has its own, and two would compete for the cores.
    """
    compiler = os.environ.get("CXX", "c++")
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for source in (source for source in sources() if source.suffix == ".cpp"):
            objects.append(f"{folder}/{source.stem}.o")
            includes = [f"-I{path}" for path in include_paths()]
            subprocess.run([compiler, *FLAGS, *includes, "-c", str(source), "-o", objects[-1]], check=True)
        built = Path(folder) / library().name
        search_paths = [f"-L{path}" for path in library_paths()]
        libraries = ["-ltorch_cpu", "-ltorch", "-lc10"]
        subprocess.run([compiler, "-shared", *objects, *search_paths, *libraries, "-o", str(built)], check=True)
        return _install(built)


def _install(built: Path) -> Path:
    """Moves the library into place atomically, and removes those built from other sources."""
    path = library()
    temporary = path.with_suffix(".new")
    temporary.write_bytes(built.read_bytes())
    temporary.replace(path)
    for other in FOLDER.glob("kernel-*.so"):
        if other != path:
            other.unlink()
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")
