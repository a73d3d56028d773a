"""A benchmark from the request to its results: the choice of strategies, all searches, and the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archwright.benchmark.benchmark_folder import BenchmarkFolder
from archwright.benchmark.progress import BenchmarkProgress
from archwright.benchmark.request import ALL, BenchmarkRequest
from archwright.benchmark.results import benchmark_results
from archwright.benchmark.tabular_search import SimulatedSearch
from archwright.benchmark.workers import SearchTask, Workers
from archwright.errors import InputError
from archwright.execute import usable_cpus
from archwright.formatting import plural
from archwright.ledger.json_file import read_json, write_json
from archwright.search_strategy import make_strategy
from archwright.study.strategies_by_name import is_one_shot
from archwright.study.time_plan import Skipped

SLOWEST = 0.05
"""The largest processor time per proposal, in seconds, of the strategies that `all` includes."""
ONE_SHOT = "trains a supernet, but a table holds only single trainings"


def run_benchmark(request: BenchmarkRequest) -> BenchmarkFolder:
    """Run the missing searches and write results.json; the same request continues an interrupted benchmark.

    Raises InputError, before anything is written, for unknown or unsuitable options.
    """
    benchmark, folder = request.load(), BenchmarkFolder(request.folder)
    for name in request.candidates:
        if name in request.strategies or request.settings_for(name):
            _check(name, request)
    folder.check(request.fixed(benchmark))
    folder.claim(request.fixed(benchmark))
    if folder.results.exists():
        return folder
    with BenchmarkProgress() as progress, Workers(request, benchmark, request.workers or usable_cpus()) as workers:
        names, left_out = folder.chosen or _choose(request, folder, workers, progress)
        searches = _search(request, names, folder, workers, progress)
    write_json(folder.results, benchmark_results(request, benchmark, searches, left_out))
    return folder


def results_of(folder: BenchmarkFolder) -> dict[str, Any]:
    """The content of results.json."""
    results: dict[str, Any] = read_json(folder.results)
    return results


def _check(name: str, request: BenchmarkRequest) -> None:
    if is_one_shot(name):
        raise InputError(f"{name!r} {ONE_SHOT}: leave it out of the benchmark")
    make_strategy(name, request.settings_for(name))


def _choose(
    request: BenchmarkRequest, folder: BenchmarkFolder, workers: Workers, progress: BenchmarkProgress
) -> tuple[list[str], list[Skipped]]:
    """The named strategies, and with `all` the others that can search a table and are fast, as a first search of each shows."""
    reasons = dict.fromkeys(request.candidates, "")
    others = [name for name in request.candidates if name not in request.strategies]
    for name in others:
        reasons[name] = _reason(name, request)
    tasks = [SearchTask(name, 0, SLOWEST) for name in others if not reasons[name]]
    progress.begin(len(tasks))
    for task, search in workers.run(tasks):
        reasons[task.strategy] = _too_slow(search)
        if isinstance(search, SimulatedSearch) and not reasons[task.strategy]:
            folder.add(task.strategy, 0, search)
        progress.done(task.strategy)
    left_out = [Skipped(name, reason) for name, reason in reasons.items() if reason]
    for line in left_out_lines(left_out):
        progress.say(line)
    names = [name for name, reason in reasons.items() if not reason]
    folder.choose(names, left_out)
    return names, left_out


def left_out_lines(left_out: Sequence[Skipped]) -> list[str]:
    """The strategies left out, one line per reason."""
    names: dict[str, list[str]] = {}
    for skipped in left_out:
        names.setdefault(skipped.reason, []).append(skipped.name)
    return [f"left out: {', '.join(group)}: {reason}" for reason, group in names.items()]


def _reason(name: str, request: BenchmarkRequest) -> str:
    """Why a strategy cannot be created (it may need a missing library) or cannot search a table; empty if it can."""
    if is_one_shot(name):
        return ONE_SHOT
    try:
        _check(name, request)
    except (InputError, ImportError) as error:
        return str(error)
    return ""


def _too_slow(search: SimulatedSearch | InputError) -> str:
    """Why a strategy is left out after its first search; empty if it takes part."""
    if isinstance(search, InputError):
        return str(search)
    milliseconds = 1000 * search.seconds_per_proposal
    if milliseconds <= 1000 * SLOWEST:
        return ""
    return f"{milliseconds:.0f} ms per proposal, but {ALL!r} allows at most {1000 * SLOWEST:.0f}: name it to include it"


def _search(
    request: BenchmarkRequest, names: Sequence[str], folder: BenchmarkFolder, workers: Workers, progress: BenchmarkProgress
) -> Mapping[str, Sequence[SimulatedSearch]]:
    """All searches of all strategies, by name and in the order of the repeats; finished ones are read from the folder."""
    searches = {name: folder.searches(name) for name in names}
    tasks = [SearchTask(name, repeat) for name in names for repeat in range(request.repeats) if repeat not in searches[name]]
    progress.begin(len(tasks))
    for task, search in workers.run(tasks):
        if isinstance(search, InputError):
            raise search
        folder.add(task.strategy, task.repeat, search)
        searches[task.strategy][task.repeat] = search
        progress.done(task.strategy)
        if len(searches[task.strategy]) == request.repeats:
            progress.say(f"{task.strategy}: {plural(request.repeats, 'search', 'searches')} done")
    return {name: [found[repeat] for repeat in range(request.repeats)] for name, found in searches.items()}
