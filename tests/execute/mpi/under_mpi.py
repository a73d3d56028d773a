"""Run by test_executor.py on all ranks of mpiexec: pytest on rank 0, served by the others. Arguments: those of pytest."""

import os
import sys

import pytest

from archwright.execute import fork_server, rank_service, training_process
from archwright.execute.mpi import worker_rank

fork_server.PRELOADED = ["torch"]  # the small jobs need no more
worker_rank.VISIBLE_WITHIN_SECONDS = training_process.GRACE_SECONDS = 0.3
os.environ["UNDER_MPI"] = "1"

with rank_service("mpi"):
    code = pytest.main(sys.argv[1:])
sys.exit(code)
