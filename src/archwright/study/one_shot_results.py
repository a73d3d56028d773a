"""The entry for a one-shot method in results.json: how its supernet's scores compare with training from scratch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archwright.architecture.architecture import Architecture
from archwright.evaluate.history import key_of
from archwright.formatting import plural
from archwright.ledger.json_file import read_json
from archwright.ledger.ledger import Ledger
from archwright.search_space import SearchSpace
from archwright.statistics.rank_correlation import rank_correlation
from archwright.study.run_folder import RunFolder
from archwright.study.shared_weight_scores import LEAST_SCORED, STAGE, paired_scores
from archwright.study.supernet_search import SupernetSearch
from archwright.study.time_plan import Skipped

RECORD = "one_shot.json"


def record_of(folder: Path) -> Mapping[str, Any] | None:
    """The record that a supernet's training wrote into its folder; None if it did not get that far."""
    file = folder / RECORD
    if not file.is_file():
        return None
    record: dict[str, Any] = read_json(file)
    return record


def failed_supernets(searches: Iterable[SupernetSearch]) -> list[Skipped]:
    """The strategies without candidates because their supernet could not be trained, with the cause."""
    trainings = ((search.name, search.training) for search in searches)
    return [
        Skipped(name, f"supernet training {row.state}: {row.cause}")
        for name, row in trainings
        if row is not None and row.state not in ("complete", "running")
    ]


def one_shot_json(search: SupernetSearch, space: SearchSpace, metric: str, ledger: Ledger, folder: RunFolder) -> dict[str, Any]:
    """The entry `one_shot` of a method.

    `supernet_score`, `discretized_score`, `from_scratch_score`: validation metric of the mixed supernet, of the architecture it
    was discretized to with the shared weights, and of that architecture trained from scratch as a candidate. `kendall_tau`:
    between scores with shared weights and from scratch, over `kendall_n` candidates of the run; None if there are too few.
    """
    training = search.training
    record = (record_of(folder.training_of(training)) if training is not None else None) or {}
    discretization = record.get("discretization") or {}
    pairs = paired_scores(search.name, metric, ledger)
    agreement = rank_correlation(pairs) if len(pairs) >= LEAST_SCORED else None
    notes = [*record.get("notes", ()), *([] if agreement is not None else [_why_no_tau(len(pairs), search.name, ledger)])]
    return {
        "supernet_score": discretization.get("supernet_score"),
        "discretized_score": discretization.get("discretized_score"),
        "from_scratch_score": _from_scratch(discretization.get("architecture"), space, metric, ledger, search.name),
        "discretization": discretization.get("method"),
        "kendall_tau": agreement.tau if agreement is not None else None,
        "kendall_ci95": list(agreement.ci95) if agreement is not None else None,
        "kendall_n": len(pairs),
        "supernet_seconds": search.seconds,
        "stopped": record.get("stopped"),
        "notes": notes,
    }


def _why_no_tau(scored: int, strategy: str, ledger: Ledger) -> str:
    failed = [row for row in ledger.rows(STAGE, strategy) if row.state == "failed"]
    if failed and not scored:
        return f"Kendall's tau is not available because scoring the candidates with the shared weights failed: {failed[-1].cause}"
    if scored >= LEAST_SCORED:
        return "Kendall's tau is not defined because one of the two scores is the same for all candidates."
    return (
        f"Kendall's tau is not available: it needs at least {LEAST_SCORED} candidates trained from scratch and scored with the "
        f"shared weights, but there {'is' if scored == 1 else 'are'} {plural(scored, 'such candidate')}: run more trials."
    )


def _from_scratch(
    architecture: Mapping[str, Any] | None, space: SearchSpace, metric: str, ledger: Ledger, strategy: str
) -> float | None:
    """The validation metric of this architecture's training in the search; None if there is none, or it failed."""
    if architecture is None:
        return None
    row = ledger.first_with_key("search", strategy, key_of(space, Architecture.from_json(architecture)))
    return row.outcome.metrics.get(metric) if row is not None and row.state == "complete" and row.outcome is not None else None
