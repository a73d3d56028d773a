"""How the ranks of an MPI job share their nodes: ranks that see the same cores, or the same GPUs, share them evenly.

A rank that the launcher bound to its own cores or GPU has them to itself.
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
    """For each rank, the number of earlier ranks that see the same GPUs: the `worker` argument of `place`."""
    before: Counter[Hashable] = Counter()
    places = []
    for node_info in node_infos:
        places.append(before[_gpus_of(node_info)])
        before[_gpus_of(node_info)] += 1
    return places


def threads_of_ranks(resources: Resources, node_infos: Sequence[NodeInfo]) -> int:
    """Threads per training: the requested cores, else the smallest equal share among the ranks."""
    if resources.cpus is not None:
        return resources.cpus
    shares = zip(node_infos, _sharing_ranks(node_infos, _cores_of), strict=True)
    return min(max(1, node_info.cpus // ranks) for node_info, ranks in shares)


def check_nodes(resources: Resources, node_infos: Sequence[NodeInfo]) -> None:
    """Raise InputError, naming the node, if one lacks the resources requested for its ranks' trainings."""
    shares = zip(
        node_infos,
        places_on_gpus(node_infos),
        _sharing_ranks(node_infos, _cores_of),
        _sharing_ranks(node_infos, _host_of),
        strict=True,
    )
    for node_info, number, on_cores, on_host in shares:
        _naming_node(node_info, lambda: place(resources, [number], node_info.gpus))  # noqa: B023 (called immediately)
        _naming_node(node_info, lambda: check_cores(resources, on_cores, node_info.cpus))  # noqa: B023
        _naming_node(node_info, lambda: check_memory(resources, on_host, node_info.memory))  # noqa: B023


def check_placement(job: Job, resources: Resources, node_infos: Sequence[NodeInfo]) -> None:
    """Raise InputError, naming the node, if one of its ranks would have no device for the job."""
    for node_info, number in zip(node_infos, places_on_gpus(node_infos), strict=True):
        _naming_node(node_info, lambda: place_job(job, resources, [number], node_info.gpus))  # noqa: B023


def _naming_node(node_info: NodeInfo, check: Callable[[], object]) -> None:
    try:
        check()
    except InputError as error:
        raise InputError(f"on {node_info.host}: {error}") from error


def _sharing_ranks(node_infos: Sequence[NodeInfo], key: Callable[[NodeInfo], Hashable]) -> list[int]:
    """For each rank, the number of ranks with the same key, including itself."""
    count = Counter(map(key, node_infos))
    return [count[key(node_info)] for node_info in node_infos]


def _cores_of(node_info: NodeInfo) -> Hashable:
    return node_info.host, node_info.cores


def _gpus_of(node_info: NodeInfo) -> Hashable:
    return node_info.host, node_info.gpu_ids


def _host_of(node_info: NodeInfo) -> Hashable:
    return node_info.host
