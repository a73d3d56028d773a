"""Run functions for the tests: what a training may do to its process. `job.recipe` says what they are to do."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from archwright.evaluate.job import Outcome


def obey(job, on_epoch):
    """Does what the recipe says, in its order: {"sleep": seconds}, {"raise": message}, {"kill": signal}, ..."""
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    (Path(job.folder) / f"pid{os.environ['RANK'] if job.devices > 1 else ''}").write_text(str(os.getpid()))
    for what, value in job.recipe.items():
        DEEDS[what](job, on_epoch, value)
    return Outcome("complete", metrics={"accuracy": {1} if "wrong_outcome" in job.recipe else job.seed / 100})


def only_in_rank(job, on_epoch, rank_and_deeds):
    rank, deeds = rank_and_deeds
    for what, value in deeds.items() if os.environ["RANK"] == str(rank) else ():
        DEEDS[what](job, on_epoch, value)


def add_ranks(job, on_epoch, value):
    """A real exchange, in which a process waits for the others."""
    import torch

    from archwright.process_group import join_process_group

    process_group = join_process_group(job.devices, torch.device(job.device))
    on_epoch(
        {
            "sum": float(process_group.all_reduce(torch.tensor(10.0 + process_group.rank))),
            "rank": process_group.rank,
            "size": process_group.size,
        }
    )


def report_epochs(job, on_epoch, count):
    for epoch in range(count):
        on_epoch({"epoch": epoch, "accuracy": job.seed / 100})


def raise_error(job, on_epoch, message):
    raise ArithmeticError(message)


def print_lines(job, on_epoch, line):
    print(line)
    print(line, file=sys.stderr)
    ctypes.CDLL(None).write(1, b"from C\n", 7)


def ignore_terminate(job, on_epoch, value):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def hold_the_interpreter(job, on_epoch, count):
    sum(range(count))  # one C call that never lets another thread run


def fill_memory(job, on_epoch, megabytes):
    filled = [b"\1" * 2**20 for _ in range(megabytes)]
    time.sleep(60)
    filled.clear()


def write_result_and_die(job, on_epoch, value):
    (Path(job.folder) / "result.json").write_text(json.dumps(Outcome("complete", cause="from the file").to_json()))
    os.kill(os.getpid(), signal.SIGKILL)


def start_helper(job, on_epoch, value):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (Path(job.folder) / "helper").write_text(str(helper.pid))


def await_file(job, on_epoch, name):
    while not (Path(job.folder) / name).exists():
        time.sleep(0.01)


def stop_in_a_message(job, on_epoch, value):
    """After the first bytes of a long one that are written at once."""

    def write_and_stop(pipe, content):
        os.write(pipe.fileno(), content)
        os.kill(os.getpid(), signal.SIGSTOP)

    Connection._send = write_and_stop
    on_epoch({"text": "long" * 10_000})


def fork_helper(job, on_epoch, value):
    """It has all open files of this process, as helpers have that multiprocessing forks."""
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)


def tell_surroundings(job, on_epoch, value):
    import torch

    on_epoch(
        {
            "threads": torch.get_num_threads(),
            "omp": os.environ.get("OMP_NUM_THREADS"),
            "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
            "device": job.device,
            "rank": [os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")],
            "sigint": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
            "group": os.getpgrp() == os.getpid(),
            "main": getattr(sys.modules["__main__"], "__file__", None),
        }
    )


def go_on(job, on_epoch, value):
    """What a continued training does with files: it reads the data and a checkpoint, deletes that, and reads the test split."""
    checkpoint = Path(job.continues) / "checkpoint.pt"
    trained = checkpoint.read_text() if checkpoint.exists() else "0 epochs"
    (Path(job.folder) / "weights").write_text(f"{trained} of {(Path(job.data) / 'x' / 'rows').read_text()}")
    with (Path(job.data).parent / "test_accesses.jsonl").open("a") as log:
        log.write(f"{job.key}\n")
    checkpoint.unlink(missing_ok=True)


def begin_mpi(job, on_epoch, value):
    from mpi4py import MPI

    launcher = [name for name in os.environ if name.startswith(("PMI", "OMPI_", "HYDRA", "HYDI"))]
    on_epoch({"ranks": MPI.COMM_WORLD.Get_size(), "launcher": launcher})


DEEDS = {
    "wrong_outcome": lambda job, on_epoch, value: None,
    "in_rank": only_in_rank,
    "add": add_ranks,
    "add_again": add_ranks,
    "sleep": lambda job, on_epoch, seconds: time.sleep(seconds),
    "epochs": report_epochs,
    "raise": raise_error,
    "print": print_lines,
    "kill_server": lambda job, on_epoch, value: os.kill(os.getppid(), signal.SIGKILL),
    "exit": lambda job, on_epoch, code: os._exit(code),
    "kill": lambda job, on_epoch, number: os.kill(os.getpid(), number),
    "ignore_terminate": ignore_terminate,
    "hold": hold_the_interpreter,
    "fill": fill_memory,
    "write_result_and_die": write_result_and_die,
    "helper": start_helper,
    "await": await_file,
    "stop_in_a_message": stop_in_a_message,
    "fork_helper": fork_helper,
    "close_files": lambda job, on_epoch, value: os.closerange(3, 1024),
    "go_on": go_on,
    "tell": tell_surroundings,
    "mpi": begin_mpi,
}
