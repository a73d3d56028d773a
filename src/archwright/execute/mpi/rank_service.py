"""Under `mpiexec`: rank 0 runs the command, the other ranks serve until it ends. No rank is ever spawned."""

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
"""The longest pause between two looks of the pool for a job or a result: idle ranks should leave their cores alone."""

HOW = "mpiexec -n 3 archwright search ... --executor mpi"


class ServingRanks:
    """The other ranks, as rank 0 sees them: what there is where they are, the pool of them, and what they tell meanwhile."""

    def __init__(self, world: Intracomm, channel: MessageChannel) -> None:
        self._world = world
        self._channel = channel
        self._stack = ExitStack()
        self._pool: MPIPoolExecutor | None = None
        self._called = self._sent_home = False
        self._node_infos: dict[int, NodeInfo] = {}
        self._gone: set[int] = set()
        self._executors = itertools.count()
        self.records: dict[str, Mapping[str, Any]] = {}

    @property
    def numbers(self) -> range:
        return range(1, self._world.Get_size())

    @property
    def node_infos(self) -> list[NodeInfo]:
        """Of each rank; the first time it waits until all have told theirs."""
        if not self._node_infos:
            self._tell({"tell": True})
        while len(self._node_infos) < len(self.numbers):
            self._take(self._channel.wait())
        return [self._node_infos[rank] for rank in self.numbers]

    @property
    def pool(self) -> MPIPoolExecutor:
        """Begun when it is first asked for; there is one till the end."""
        if self._pool is None:
            from mpi4py.futures import MPICommExecutor

            pool = self._stack.enter_context(MPICommExecutor(self._world, root=0, backoff=BACKOFF_SECONDS))
            self._pool = cast("MPIPoolExecutor", pool)  # at the root it is one
            self._tell({"serve": True})
            self._called = True
        return self._pool

    def new_executor(self) -> int:
        """A number for an executor, which `stop` takes."""
        return next(self._executors)

    def stop(self, executor: int) -> None:
        """All trainings of an executor are to end."""
        self._tell({"stop": [executor]})

    def look(self) -> None:
        """Read what has come; `records` has the last epoch's of each training then, by the job's key."""
        self._take(self._channel.received())

    def send_home(self) -> None:
        """End the pool and the other ranks, and wait until they have said goodbye."""
        self._sent_home = True
        self._tell({"serve": self._pool is not None and not self._called, "home": True})
        self._stack.close()
        while len(self._gone) < len(self.numbers):
            self._take(self._channel.wait())

    def check_here(self) -> None:
        """Raises InputError where they have ended."""
        if self._sent_home:
            raise InputError(
                "the other ranks ended with the first search: for several in one script put them all into "
                "`with archwright.execute.rank_service('mpi'):`"
            )

    def _tell(self, message: Mapping[str, Any]) -> None:
        for rank in self.numbers:
            self._channel.send(rank, message)

    def _take(self, messages: list[tuple[int, dict[str, Any]]]) -> None:
        for rank, message in messages:
            if "station" in message:
                self._node_infos[rank] = NodeInfo.from_json(message["station"])
            elif "record" in message:
                self.records[message["key"]] = message["record"]
            else:
                self._gone.add(rank)


@contextmanager
def mpi_rank_service() -> Iterator[None]:
    """All ranks enter: what is inside runs on rank 0 alone, and no other rank comes out: each ends with exit code 0.

    They serve until rank 0 leaves, in whatever way. One inside another is the same one. Raises InputError where there is no MPI,
    or only one rank.
    """
    if (here := _RANKS.get()) is not None:
        here.check_here()
        yield
        return
    mpi = _loaded_mpi()
    world = mpi.COMM_WORLD
    _check_world(mpi)
    channel = MessageChannel(world.Dup())
    if world.Get_rank() > 0:
        serve(world, channel)
    ranks = ServingRanks(world, channel)
    _RANKS.set(ranks)
    try:
        yield
    finally:
        ranks.send_home()


def serving_ranks() -> ServingRanks:
    """Those that serve this process. Raises InputError outside of `mpi_rank_service`."""
    ranks = _RANKS.get()
    if ranks is None:
        raise InputError(f"the executor 'mpi' works inside `with archwright.execute.rank_service('mpi'):`, or start {HOW}")
    ranks.check_here()
    return ranks


def _loaded_mpi() -> ModuleType:
    try:
        import mpi4py
    except ImportError as error:
        raise InputError("the executor 'mpi' needs mpi4py: pip install 'archwright[mpi]'") from error
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        told = str(error).partition("\n")[0]
        raise InputError(
            f"mpi4py {mpi4py.__version__} finds no MPI library ({told}): load your site's MPI module, or pip install mpich"
        ) from error
    return MPI


def _check_world(mpi: ModuleType) -> None:
    """Every rank sees the same, and rank 0 speaks for all."""
    if mpi.COMM_WORLD.Get_size() == 1:
        raise InputError(
            f"the executor 'mpi' needs at least two ranks, and there is one: start it with {HOW} (if you did, that mpiexec is not "
            f"of the MPI that mpi4py found, {' '.join(mpi.get_vendor()[0].split())})"
        )
    if mpi.Query_thread() < mpi.THREAD_MULTIPLE:
        if mpi.COMM_WORLD.Get_rank() > 0:
            sys.exit(0)
        raise InputError(
            "this MPI does not let several threads speak at a time (it lacks MPI_THREAD_MULTIPLE), which the executor 'mpi' needs: "
            "load an MPI that was built with it, and leave mpi4py's thread_level as it is"
        )


_RANKS: ContextVar[ServingRanks | None] = ContextVar("the ranks that serve this process", default=None)
