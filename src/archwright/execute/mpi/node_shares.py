"""How the ranks of an MPI job share their nodes: those that see the same cores, or the same GPUs, share these evenly.

So a rank to which the launcher gave cores or a GPU of its own has them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from archwright.errors import InputError
from archwright.evaluate.job import Job
from archwright.execute.capacity import check_cores, check_memory
from archwright.execute.device_placement import place, place_job
from archwright.execute.mpi.node_info import NodeInfo
from archwright.execute.resources import Resources


def places_on_gpus(node_infos: Sequence[NodeInfo]) -> list[int]:
    """For each rank, how many before it see the same GPUs of the same node: the `worker` that `place` asks for."""
    before: Counter[Hashable] = Counter()
    places = []
    for node_info in node_infos:
        places.append(before[_gpus_of(node_info)])
        before[_gpus_of(node_info)] += 1
    return places


def threads_of_ranks(resources: Resources, node_infos: Sequence[NodeInfo]) -> int:
    """Threads of a training: the cores that were asked for, else an equal share, the smallest that any rank has."""
    if resources.cpus is not None:
        return resources.cpus
    shares = zip(node_infos, _sharers(node_infos, _cores_of), strict=True)
    return min(max(1, node_info.cpus // sharers) for node_info, sharers in shares)


def check_stations(resources: Resources, node_infos: Sequence[NodeInfo]) -> None:
    """Raises InputError, which names the node, where one cannot give its ranks what a training is to have."""
    shares = zip(
        node_infos, places_on_gpus(node_infos), _sharers(node_infos, _cores_of), _sharers(node_infos, _host_of), strict=True
    )
    for node_info, number, on_cores, on_host in shares:
        _on(node_info, lambda: place(resources, [number], node_info.gpus))  # noqa: B023 (called at once)
        _on(node_info, lambda: check_cores(resources, on_cores, node_info.cpus))  # noqa: B023
        _on(node_info, lambda: check_memory(resources, on_host, node_info.memory))  # noqa: B023


def check_placement(job: Job, resources: Resources, node_infos: Sequence[NodeInfo]) -> None:
    """Raises InputError, which names the node, where a rank of it would have no device for the job."""
    for node_info, number in zip(node_infos, places_on_gpus(node_infos), strict=True):
        _on(node_info, lambda: place_job(job, resources, [number], node_info.gpus))  # noqa: B023


def _on(node_info: NodeInfo, check: Callable[[], object]) -> None:
    try:
        check()
    except InputError as error:
        raise InputError(f"on {node_info.host}: {error}") from error


def _sharers(node_infos: Sequence[NodeInfo], of: Callable[[NodeInfo], Hashable]) -> list[int]:
    """For each rank, how many see the same, itself counted."""
    count = Counter(map(of, node_infos))
    return [count[of(node_info)] for node_info in node_infos]


def _cores_of(node_info: NodeInfo) -> Hashable:
    return node_info.host, node_info.cores


def _gpus_of(node_info: NodeInfo) -> Hashable:
    return node_info.host, node_info.gpu_ids


def _host_of(node_info: NodeInfo) -> Hashable:
    return node_info.host
