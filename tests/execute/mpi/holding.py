"""Run by test_executor.py on all ranks: trainings that run until they are ended. Argument: a folder for them."""

import sys

from archwright.evaluate.job import Job
from archwright.execute import Resources, fork_server, make_executor, rank_service
from archwright.ledger.interruption import Interrupted, interruptible

fork_server.PRELOADED = ["torch"]

try:
    with (
        interruptible(),
        rank_service("mpi"),
        make_executor("mpi", Resources(device="cpu"), "small_jobs:obey") as executor,
    ):
        for name, deeds in {"hold": {"ignore_terminate": 1, "hold": 10**12}, "helper": {"helper": 1, "sleep": 60}}.items():
            executor.submit(Job(name, "search", "", f"{sys.argv[1]}/{name}", 0, 1, recipe=deeds))
        executor.wait()
except Interrupted as interrupted:
    sys.exit(interrupted.exit_code)
