"""Run by test_ledger.py: a coordinator that begins and finishes rows and is repeatedly killed.

Arguments: storage URL or "", run folder, number of restarts. Each finished row's number is appended to `finished.txt` in the run
folder once `finish` has returned. Each start is a separate process, which takes over what the previous one left.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Question
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Outcome
from archwright.ledger import journal
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row

OBJECTIVES = (Objective("accuracy", True),)
QUESTIONS = (Question("op", ("conv", "pool", None)), Question("depth", (1, 2, 3)))


def write_rows(url: str | None, folder: Path) -> None:
    finished = os.open(folder / "finished.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ledger = Ledger.open(url, folder, "run")
    ledger.history("random", OBJECTIVES)
    left = ledger.running()
    while True:
        row = left.pop() if left else begin(ledger)
        ledger.attempt(row)
        row = ledger.finish(row, "complete", Outcome("complete", metrics={"accuracy": row.seed / 1e4}), scores=(row.seed / 1e4,))
        os.write(finished, f"{row.number}\n".encode())


def begin(ledger: Ledger) -> object:
    number = ledger.next_number("search", "random")
    return ledger.begin(
        Row(
            stage="search",
            strategy="random",
            architecture=Architecture("chain", {}, {"op": "conv", "depth": 1 + number % 3}),
            key=f"key {number}",
            seed=number,
            number=number,
        ),
        QUESTIONS,
    )


def main(url: str, folder: str, starts: int) -> None:
    journal.LOCK_GRACE_S = 1  # each kill leaves a lock, as this process does nothing but write
    rng = random.Random(0)
    for _ in range(starts):
        finished = Path(folder) / "finished.txt"
        finished.touch()
        enough = finished.read_text().count("\n") + rng.randint(2, 6)
        child = os.fork()
        if child == 0:
            write_rows(url or None, Path(folder))
        while finished.read_text().count("\n") < enough:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
