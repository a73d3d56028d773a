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
from archwright.execute.mpi.node_info import Station
from archwright.execute.resources import Resources


def places_on_gpus(stations: Sequence[Station]) -> list[int]:
    """For each rank, how many before it see the same GPUs of the same node: the `worker` that `place` asks for."""
    before: Counter[Hashable] = Counter()
    places = []
    for station in stations:
        places.append(before[_gpus_of(station)])
        before[_gpus_of(station)] += 1
    return places


def threads_of_ranks(resources: Resources, stations: Sequence[Station]) -> int:
    """Threads of a training: the cores that were asked for, else an equal share, the smallest that any rank has."""
    if resources.cpus is not None:
        return resources.cpus
    shares = zip(stations, _sharers(stations, _cores_of), strict=True)
    return min(max(1, station.cpus // sharers) for station, sharers in shares)


def check_stations(resources: Resources, stations: Sequence[Station]) -> None:
    """Raises InputError, which names the node, where one cannot give its ranks what a training is to have."""
    shares = zip(stations, places_on_gpus(stations), _sharers(stations, _cores_of), _sharers(stations, _host_of), strict=True)
    for station, number, on_cores, on_host in shares:
        _on(station, lambda: place(resources, [number], station.gpus))  # noqa: B023 (called at once)
        _on(station, lambda: check_cores(resources, on_cores, station.cpus))  # noqa: B023
        _on(station, lambda: check_memory(resources, on_host, station.memory))  # noqa: B023


def check_placement(job: Job, resources: Resources, stations: Sequence[Station]) -> None:
    """Raises InputError, which names the node, where a rank of it would have no device for the job."""
    for station, number in zip(stations, places_on_gpus(stations), strict=True):
        _on(station, lambda: place_job(job, resources, [number], station.gpus))  # noqa: B023


def _on(station: Station, check: Callable[[], object]) -> None:
    try:
        check()
    except InputError as error:
        raise InputError(f"on {station.host}: {error}") from error


def _sharers(stations: Sequence[Station], of: Callable[[Station], Hashable]) -> list[int]:
    """For each rank, how many see the same, itself counted."""
    count = Counter(map(of, stations))
    return [count[of(station)] for station in stations]


def _cores_of(station: Station) -> Hashable:
    return station.host, station.cores


def _gpus_of(station: Station) -> Hashable:
    return station.host, station.gpu_ids


def _host_of(station: Station) -> Hashable:
    return station.host
