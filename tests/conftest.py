"""Small networks gain nothing from threads, and test processes on a few cores lose by them: one thread each."""

import os
import sys

import pytest

for library in ("OMP", "MKL", "OPENBLAS"):  # before torch is imported, which most tests do not need
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def one_thread():
    """A training in an earlier test may have set another number."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
