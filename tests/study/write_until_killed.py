"""Run by test_ledger.py: a coordinator that begins and finishes rows, told to by nobody and killed again and again.

Arguments: storage URL or "", run folder, how many lives. Each finished row's number goes to `finished.txt` in the run folder once `finish`
has returned, each life's coordinator is a process of its own, and it takes up what the last one left.
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
from archwright.study.ledger import Ledger

OBJECTIVES = (Objective("accuracy", True),)
QUESTIONS = (Question("op", ("conv", "pool", None)), Question("depth", (1, 2, 3)))


def live(url: str | None, folder: Path) -> None:
    said = os.open(folder / "finished.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ledger = Ledger.open(url, folder, "run")
    ledger.history("random", OBJECTIVES)
    left = ledger.running()
    os.write(said, b"open\n")
    while True:
        row = left.pop() if left else begin(ledger)
        ledger.attempt(row)
        done = ledger.finish(row, "complete", Outcome("complete", metrics={"accuracy": row.seed / 1e4}), scores=(row.seed / 1e4,))
        os.write(said, f"{done.number}\n".encode())


def begin(ledger: Ledger) -> object:
    number = ledger.next_number("search", "random")
    return ledger.begin(
        stage="search",
        strategy="random",
        architecture=Architecture("chain", {}, {"op": "conv", "depth": 1 + number % 3}),
        questions=QUESTIONS,
        key=f"key {number}",
        seed=number,
        number=number,
    )


def main(url: str, folder: str, lives: int) -> None:
    rng = random.Random(0)
    for _ in range(lives):
        said = Path(folder) / "finished.txt"
        opened = said.read_text().count("open") if said.exists() else 0
        child = os.fork()
        if child == 0:
            live(url or None, Path(folder))
        while not said.exists() or said.read_text().count("open") == opened:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
