"""Run by test_mpi.py with all ranks of mpiexec: pytest on the first, served by the others. Arguments: those of pytest."""

import os
import sys

import pytest

from archwright.execute import enlisted, fork_server, mpi_service, training_process

fork_server.PRELOADED = ["torch"]  # the small jobs need no more
mpi_service.SEEN_WITHIN_SECONDS = training_process.GRACE_SECONDS = 0.3
os.environ["UNDER_MPI"] = "1"

with enlisted("mpi"):
    code = pytest.main(sys.argv[1:])
sys.exit(code)
