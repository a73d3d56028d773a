"""One thread for each test process, as small networks gain nothing from more; and one small run that many tests read."""

import fcntl
import io
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

for library in ("OMP", "MKL", "OPENBLAS"):  # before torch is imported, which most tests do not need
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # tests run side by side: threads that wait must not spin


@pytest.fixture(autouse=True)
def one_thread():
    """A training in an earlier test may have set another number."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)


@dataclass(frozen=True)
class SmallRun:
    """A small finished run: its folder, and what it was asked for, as options of `archwright.search` and of the command line."""

    folder: Path
    source: str
    options: dict[str, Any]
    arguments: list[str]

    def copy(self, to: Path) -> Path:
        """The run in a folder of a test's own."""
        shutil.copytree(self.folder, to)
        return to


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all test processes of this session see."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made_once(shared_folder):
    """Calls `make(folder)` with a new shared folder of that name, in the first test process that asks; returns the folder."""

    def made(name, make):
        folder = shared_folder / name
        with (shared_folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "made").exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                (folder / "made").touch()
        return folder

    return made


@pytest.fixture(scope="session")
def small_run(made_once):
    """A real run on 160 handwritten digits of four kinds. Leave its folder as it is."""
    folder = made_once("small", lambda folder: _make(_small_run(folder)))
    return _small_run(folder)


def _small_run(folder):
    return SmallRun(
        folder / "run",
        str(folder / "digits.npz"),
        {
            "trials": 3,
            "epochs": 4,
            "seeds": 2,
            "baselines": ("random_forest", "resnet-tiny"),
            "settings": {"space.width": 4, "space.most_blocks": 1},
        },
        [
            *("--trials", "3", "--epochs", "4", "--seeds", "2", "--baselines", "random_forest,resnet-tiny"),
            *("--set", "space.width=4", "--set", "space.most_blocks=1"),
        ],
    )


@pytest.fixture(scope="session")
def one_shot_run(small_run, made_once):
    """A real run of `darts` on the same digits, with random search beside it. Leave its folder as it is."""
    folder = made_once("one_shot", lambda folder: _search(_one_shot_run(small_run, folder)))
    return _one_shot_run(small_run, folder)


def _one_shot_run(small_run, folder):
    return SmallRun(
        folder / "run",
        small_run.source,
        {
            "space": "nasbench201",
            "strategy": "darts",
            "trials": 3,
            "epochs": 3,
            "seeds": 1,
            "baselines": (),
            "settings": {"space.repeats": 1, "space.filters": 4},
        },
        [
            *("--space", "nasbench201", "--strategy", "darts", "--trials", "3", "--epochs", "3", "--seeds", "1"),
            *("--baselines", "", "--set", "space.repeats=1", "--set", "space.filters=4"),
        ],
    )


def _make(run):
    import numpy as np
    from sklearn.datasets import load_digits

    images, kinds = load_digits(return_X_y=True)
    few = np.flatnonzero(kinds < 4)[:160]
    np.savez(run.source, x=images[few].reshape(-1, 1, 8, 8).astype(np.float32), y=kinds[few])
    _search(run)


def _search(run):
    import archwright

    with pytest.MonkeyPatch.context() as patch:
        train_with_one_thread(patch)
        archwright.search(run.source, out=run.folder, **run.options)


@pytest.fixture(scope="module")
def server():
    """A real PostgreSQL server. Not in pytest's folder: root's server runs as another user, whom the next pytest would lock out."""
    pgserver = pytest.importorskip("pgserver")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        running = pgserver.get_server(f"{folder}/data")
        yield running
        running.cleanup()


@pytest.fixture
def in_two_processes(tmp_path):
    """Calls `function(process_group, *arguments)` in two processes that train together, forked here; returns what each gave."""
    import torch

    def run(function, *arguments):
        context = multiprocessing.get_context("fork")
        rendezvous = str(tmp_path / f"rendezvous{len(list(tmp_path.glob('rendezvous*.begun')))}")
        Path(f"{rendezvous}.begun").touch()
        pipes, processes = [], []
        for rank in (0, 1):
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(target=_in_process_group, args=(rank, rendezvous, writer, function, arguments))
            with warnings.catch_warnings(), writer:  # newer versions of Python warn of threads, which wait here
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            pipes.append(reader)
            processes.append(process)
        try:
            given = [pipe.recv_bytes() if pipe.poll(30) else pytest.fail("a process says nothing") for pipe in pipes]
        finally:
            for process in processes:
                process.kill()
                process.join()
        assert all(text.startswith(b"PK") for text in given), b"\n".join(given).decode(errors="replace")
        return [torch.load(io.BytesIO(text), weights_only=False) for text in given]

    return run


def _in_process_group(rank, rendezvous, pipe, function, arguments):
    import torch

    from archwright.process_group import join_process_group, process_environment

    os.environ.update(process_environment(rank, 2, rendezvous))
    buffer = io.BytesIO()
    try:
        torch.save(function(join_process_group(2, torch.device("cpu")), *arguments), buffer)
        pipe.send_bytes(buffer.getvalue())
    except BaseException:
        pipe.send_bytes(traceback.format_exc().encode())
    time.sleep(60)  # until it is killed: a connection that it closed would be the other's failure


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MB of its own, a file system in memory: `small_disk.fill(kilobytes_left)` leaves so much room, and 0 none."""
    disk = SmallDisk(tmp_path / "disk")
    disk.path.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk.path], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk.path], check=True)


class SmallDisk:
    def __init__(self, path):
        self.path = path
        self._filler = path / "filler"

    def fill(self, kilobytes_left):
        self._filler.write_bytes(b"\1" * (shutil.disk_usage(self.path).free - 1024 * kilobytes_left))

    def make_room(self):
        self._filler.unlink()


@pytest.fixture
def is_alive():
    """Whether a process runs (one that has ended and was not waited for does not)."""

    def look(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    assert look(os.getpid())
    return look


@pytest.fixture
def as_in_a_terminal():
    """Ctrl-C is heard, here and by what is started. Whoever runs the tests may ignore it, as shells do for background jobs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def one_thread_each(monkeypatch):
    """Trainings of runs in this test take one thread each, as those of `small_run` do: the same numbers, and the same speed."""
    train_with_one_thread(monkeypatch)


@pytest.fixture
def without_onnx(monkeypatch):
    """Runs in this test leave `model.onnx` out: exporting takes longer than all the rest of so small a run."""
    from archwright.export import model_folder, onnx_model

    def refuse(*_):
        raise onnx_model.ExportError("not in this test")

    monkeypatch.setattr(model_folder, "export_onnx", refuse)


def train_with_one_thread(patch):
    from archwright.execute import capacity

    patch.setattr(capacity, "threads_per_worker", lambda workers: 1)
