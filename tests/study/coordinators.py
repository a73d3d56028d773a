"""Run by test_coordinators.py: several commands at the same time, each in a process forked from this one (torch is imported once).

`python coordinators.py [[FOLDER, [WORD, ...]], ...]` (JSON); prints the exit codes as JSON.
"""

import json
import os
import sys
import threading

from archwright.cli import main
from archwright.evaluate import model_folder, onnx_export
from archwright.execute import capacity
from archwright.main_job import run


def refuse(*_: object) -> None:
    raise onnx_export.ExportError("not in this test")


def start(folder: str, words: list[str]) -> int:
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        sys.argv = words
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    assert run  # imported for the commands
    assert threading.active_count() == 1
    capacity.threads_per_worker = lambda workers: 1
    model_folder.export_onnx = refuse
    children = [start(folder, words) for folder, words in json.loads(sys.argv[1])]
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
