"""Run by test_run_study.py: one command that is killed several times, and finally left to finish.

Arguments: run folder, the command's words as JSON, and deaths as JSON: [[executor, where], ...]. A life ends by SIGKILL when a
training whose folder matches the pattern `where` has a checkpoint, or after `where` seconds. Its files are copied to FOLDER-0,
FOLDER-1, ... Each life is a separate process, forked from this one, so that torch is imported once.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from forked import forked

from archwright.cli import main
from archwright.execute import capacity
from archwright.main_job import run
from archwright.train import training_loop


def live(words: list[str], where: str | float | None) -> None:
    """Run the command as if it had been typed. A training that is to be killed waits for the signal."""
    capacity.threads_per_worker = lambda workers: 1
    save = training_loop.save_checkpoint

    def save_and_wait(content: object, file: Path) -> None:
        save(content, file)
        if isinstance(where, str) and file.parent.match(where):
            time.sleep(60)

    training_loop.save_checkpoint = save_and_wait
    sys.argv = words
    main()


def start(words: list[str], where: str | float | None) -> int:
    return forked(lambda: live(words, where))


def shoot(child: int, folder: Path, where: str | float) -> bool:
    """Whether the process was still there to be killed."""
    until = time.monotonic() + (where if isinstance(where, float) else 100.0)
    while time.monotonic() < until and not (isinstance(where, str) and any(folder.glob(f"trainings/{where}/checkpoint.pt"))):
        time.sleep(0.001)
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def die_and_live(folder: Path, words: list[str], deaths: list[tuple[str, str | float]]) -> int:
    words = [*words, "--out", str(folder)]
    for i, (executor, where) in enumerate(deaths):
        if not shoot(start([*words, "--executor", executor], where), folder, where):
            break
        shutil.copytree(folder, f"{folder}-{i}") if folder.exists() else Path(f"{folder}-{i}").mkdir()
    return os.waitstatus_to_exitcode(os.waitpid(start([*words, "--executor", "serial"], None), 0)[1])


if __name__ == "__main__":
    assert run  # imported for the lives
    sys.exit(die_and_live(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])))
