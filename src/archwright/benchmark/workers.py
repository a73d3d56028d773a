"""Runs searches on a table in a few single-threaded processes."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType

from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.tabular_benchmark import TabularBenchmark
from archwright.benchmark.tabular_search import SimulatedSearch, simulate
from archwright.errors import InputError
from archwright.execute.main_module import main_left_alone
from archwright.search_strategy import make_strategy

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class SearchTask:
    """One search: its strategy, its repeat, and the largest processor time per proposal in seconds."""

    strategy: str
    repeat: int
    slowest: float | None = None


class Workers:
    """Runs the searches of one request, in this process if there is one worker. A context manager."""

    def __init__(self, request: BenchmarkRequest, benchmark: TabularBenchmark, workers: int) -> None:
        self._request, self._benchmark = request, benchmark
        context = multiprocessing.get_context("spawn")
        self._parent_watch, self._parent_pipe = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(workers, context, _start_worker, (self._parent_watch,)) if workers > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """After an error or a signal, do not wait for the searches in progress."""
        with self._parent_watch, self._parent_pipe:
            if error is not None:
                self._parent_pipe.close()
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def run(self, tasks: Sequence[SearchTask]) -> Iterator[tuple[SearchTask, SimulatedSearch | InputError]]:
        """Each task with its search, or with the error that prevents it, in order of completion."""
        if self._pool is None:
            yield from ((task, _search(self._request, self._benchmark, task)) for task in tasks)
            return
        with main_left_alone(), _one_thread():  # the first task starts all processes
            futures = {self._pool.submit(_search_in_pool, self._request, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _search(request: BenchmarkRequest, benchmark: TabularBenchmark, task: SearchTask) -> SimulatedSearch | InputError:
    try:
        return simulate(
            benchmark,
            task.strategy,
            make_strategy(task.strategy, request.settings_for(task.strategy)),
            request.queries,
            seed=request.seed + task.repeat,
            in_flight=request.in_flight,
            slowest=task.slowest,
        )
    except InputError as error:
        return error


def _search_in_pool(request: BenchmarkRequest, task: SearchTask) -> SimulatedSearch | InputError:
    """Search in a process of the pool, which reads the table only once."""
    settings = tuple(request.settings_for("space").items())
    return _search(request, _table(request.benchmark, request.dataset, request.space, settings), task)


@functools.lru_cache(maxsize=1)
def _table(benchmark: str, dataset: str | None, space: str | None, settings: tuple[tuple[str, str], ...]) -> TabularBenchmark:
    return BenchmarkRequest(benchmark, dataset, space, settings={f"space.{key}": value for key, value in settings}).load()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started meanwhile use one thread: libraries read the number of threads when they are loaded."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker(parent_end: Connection) -> None:
    """A worker ignores Ctrl-C and exits when the process that started it ends or closes its end of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, args=(parent_end,), daemon=True).start()


def _exit_with_parent(parent_end: Connection) -> None:
    wait([parent_end])
    os._exit(1)
