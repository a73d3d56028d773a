"""Under `mpiexec`, rank 0 runs the command and the other ranks serve it until it ends. No rank is ever spawned."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from archwright.errors import InputError
from archwright.execute.mpi.messages import MessageChannel
from archwright.execute.mpi.node_info import NodeInfo
from archwright.execute.mpi.worker_rank import serve

if TYPE_CHECKING:
    from mpi4py.futures import MPIPoolExecutor
    from mpi4py.MPI import Intracomm

BACKOFF_SECONDS = 0.01
"""The longest interval, in seconds, at which the pool polls for jobs and results: idle ranks should not keep cores busy."""

COMMAND = "mpiexec -n 3 archwright search ... --executor mpi"


class WorkerRanks:
    """Rank 0's view of the other ranks: their nodes, the pool that they form, and the records that they send."""

    def __init__(self, world: Intracomm, channel: MessageChannel) -> None:
        self._world = world
        self._channel = channel
        self._stack = ExitStack()
        self._pool: MPIPoolExecutor | None = None
        self._pool_announced = self._shut_down = False
        self._node_infos: dict[int, NodeInfo] = {}
        self._finished_ranks: set[int] = set()
        self._executors = itertools.count()
        self.records: dict[str, Mapping[str, Any]] = {}

    @property
    def ranks(self) -> range:
        return range(1, self._world.Get_size())

    @property
    def node_infos(self) -> list[NodeInfo]:
        """The node of each rank; the first access waits until all ranks have reported theirs."""
        if not self._node_infos:
            self._broadcast({"tell": True})
        while len(self._node_infos) < len(self.ranks):
            self._handle(self._channel.wait())
        return [self._node_infos[rank] for rank in self.ranks]

    @property
    def pool(self) -> MPIPoolExecutor:
        """The pool of all ranks, started on first access and kept until the end."""
        if self._pool is None:
            from mpi4py.futures import MPICommExecutor

            pool = self._stack.enter_context(MPICommExecutor(self._world, root=0, backoff=BACKOFF_SECONDS))
            self._pool = cast("MPIPoolExecutor", pool)  # on the root it is one
            self._broadcast({"serve": True})
            self._pool_announced = True
        return self._pool

    def new_executor(self) -> int:
        """A number that identifies an executor in `stop`."""
        return next(self._executors)

    def stop(self, executor: int) -> None:
        """Tell the ranks to end all trainings of an executor."""
        self._broadcast({"stop": [executor]})

    def receive(self) -> None:
        """Receive pending messages; afterwards `records` holds each training's latest epoch record, by job key."""
        self._handle(self._channel.received())

    def shut_down(self) -> None:
        """Shut down the pool and the other ranks, and wait until they have confirmed."""
        self._shut_down = True
        self._broadcast({"serve": self._pool is not None and not self._pool_announced, "home": True})
        self._stack.close()
        while len(self._finished_ranks) < len(self.ranks):
            self._handle(self._channel.wait())

    def check_running(self) -> None:
        """Raise InputError if the ranks have ended."""
        if self._shut_down:
            raise InputError(
                "the worker ranks ended with the first search: to run several in one script, put them all inside "
                "`with archwright.execute.rank_service('mpi'):`"
            )

    def _broadcast(self, message: Mapping[str, Any]) -> None:
        for rank in self.ranks:
            self._channel.send(rank, message)

    def _handle(self, messages: list[tuple[int, dict[str, Any]]]) -> None:
        for rank, message in messages:
            if "node_info" in message:
                self._node_infos[rank] = NodeInfo.from_json(message["node_info"])
            elif "record" in message:
                self.records[message["key"]] = message["record"]
            else:
                self._finished_ranks.add(rank)


@contextmanager
def mpi_rank_service() -> Iterator[None]:
    """Entered by all ranks; the body runs on rank 0 only, and no other rank returns: each exits with code 0.

    The others serve until rank 0 leaves the context, in whatever way. Nested contexts are the same one. Raises InputError if there
    is no MPI, or only one rank.
    """
    if (here := _RANKS.get()) is not None:
        here.check_running()
        yield
        return
    mpi = _loaded_mpi()
    world = mpi.COMM_WORLD
    _check_world(mpi)
    channel = MessageChannel(world.Dup())
    if world.Get_rank() > 0:
        serve(world, channel)
    ranks = WorkerRanks(world, channel)
    _RANKS.set(ranks)
    try:
        yield
    finally:
        ranks.shut_down()


def worker_ranks() -> WorkerRanks:
    """The ranks that serve this process. Raises InputError outside `mpi_rank_service`."""
    ranks = _RANKS.get()
    if ranks is None:
        raise InputError(f"the executor 'mpi' needs `with archwright.execute.rank_service('mpi'):`, or start {COMMAND}")
    ranks.check_running()
    return ranks


def _loaded_mpi() -> ModuleType:
    try:
        import mpi4py
    except ImportError as error:
        raise InputError("the executor 'mpi' needs mpi4py: pip install 'archwright[mpi]'") from error
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        cause = str(error).partition("\n")[0]
        raise InputError(
            f"mpi4py {mpi4py.__version__} finds no MPI library ({cause}): load your site's MPI module, or pip install mpich"
        ) from error
    return MPI


def _check_world(mpi: ModuleType) -> None:
    """Raise InputError, on rank 0 only, if the MPI job is unusable; all ranks detect this alike."""
    if mpi.COMM_WORLD.Get_size() == 1:
        raise InputError(
            f"the executor 'mpi' needs at least two ranks, but there is one: start it with {COMMAND} (if you did, that mpiexec "
            f"does not belong to the MPI that mpi4py uses, {' '.join(mpi.get_vendor()[0].split())})"
        )
    if mpi.Query_thread() < mpi.THREAD_MULTIPLE:
        if mpi.COMM_WORLD.Get_rank() > 0:
            sys.exit(0)
        raise InputError(
            "this MPI does not support calls from several threads (MPI_THREAD_MULTIPLE), which the executor 'mpi' needs: "
            "load an MPI built with it, and do not change mpi4py's thread_level"
        )


_RANKS: ContextVar[WorkerRanks | None] = ContextVar("the ranks that serve this process", default=None)
