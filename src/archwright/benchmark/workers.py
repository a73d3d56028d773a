"""Searches on a table, each in one of a few processes of one thread."""

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
class Order:
    """One search: which strategy, which repeat, and how slow it may be."""

    strategy: str
    repeat: int
    slowest: float | None = None


class Workers:
    """Runs searches of one request, in this process where one worker was asked for. To be used in a `with`."""

    def __init__(self, request: BenchmarkRequest, benchmark: TabularBenchmark, workers: int) -> None:
        self._request, self._benchmark = request, benchmark
        context = multiprocessing.get_context("spawn")
        self._end_seen, self._end = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(workers, context, _begin, (self._end_seen,)) if workers > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """After an error, or a signal, nobody waits for the searches that are under way."""
        with self._end_seen, self._end:
            if error is not None:
                self._end.close()
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def run(self, orders: Sequence[Order]) -> Iterator[tuple[Order, SimulatedSearch | InputError]]:
        """Each order with its search, or with why it cannot be made, as they are done."""
        if self._pool is None:
            yield from ((order, _search(self._request, self._benchmark, order)) for order in orders)
            return
        with main_left_alone(), _one_thread():  # all processes begin with the first order
            futures = {self._pool.submit(_search_elsewhere, self._request, order): order for order in orders}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _search(request: BenchmarkRequest, benchmark: TabularBenchmark, order: Order) -> SimulatedSearch | InputError:
    try:
        return simulate(
            benchmark,
            order.strategy,
            make_strategy(order.strategy, request.settings_for(order.strategy)),
            request.queries,
            seed=request.seed + order.repeat,
            in_flight=request.in_flight,
            slowest=order.slowest,
        )
    except InputError as error:
        return error


def _search_elsewhere(request: BenchmarkRequest, order: Order) -> SimulatedSearch | InputError:
    """In a process of the pool, which reads the table once."""
    settings = tuple(request.settings_for("space").items())
    return _search(request, _table(request.benchmark, request.dataset, request.space, settings), order)


@functools.lru_cache(maxsize=1)
def _table(benchmark: str, dataset: str | None, space: str | None, settings: tuple[tuple[str, str], ...]) -> TabularBenchmark:
    return BenchmarkRequest(benchmark, dataset, space, settings={f"space.{key}": value for key, value in settings}).load()


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is started meanwhile computes on one thread: numbers of threads are read when a library is loaded."""
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


def _begin(end_seen: Connection) -> None:
    """A worker leaves Ctrl-C to the process that started it, and ends with it, or when that closes its end of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_at_the_end, args=(end_seen,), daemon=True).start()


def _end_at_the_end(end_seen: Connection) -> None:
    wait([end_seen])
    os._exit(1)
