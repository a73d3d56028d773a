"""Run by test_coordinators.py: several commands at the same time, each in a process forked from this one (torch is imported once).

`python coordinators.py [[FOLDER, [WORD, ...]], ...]` (JSON); prints the exit codes as JSON.
"""

import json
import os
import sys
import threading
from functools import partial

from forked import forked

from archwright.cli import main
from archwright.execute import capacity
from archwright.export import model_folder, onnx_model
from archwright.main_job import run


def refuse(*_: object) -> None:
    raise onnx_model.ExportError("not in this test")


def command(folder: str, words: list[str]) -> None:
    os.chdir(folder)
    sys.argv = words
    main()


if __name__ == "__main__":
    assert run  # imported for the commands
    assert threading.active_count() == 1
    capacity.threads_per_worker = lambda workers: 1
    model_folder.export_onnx = refuse
    children = [forked(partial(command, folder, words)) for folder, words in json.loads(sys.argv[1])]
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
