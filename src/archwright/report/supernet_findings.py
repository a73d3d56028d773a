"""What came of a one-shot search, in plain words: discretization gap, rank correlation of its scores, cost, and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

from archwright.data.problem import as_score
from archwright.formatting import difference_text, finite, metric_name, metric_text, plural, scale_of, seconds_text
from archwright.report.report_data import ReportData, Supernet

STILL_RANDOM = 0.9
"""A controller that keeps a larger share of its initial entropy has hardly decided anything."""
OneShotEntry = Mapping[str, Any]
"""The entry `one_shot` of a method in results.json."""
WIDE_GAP = 0.1
"""A larger loss of the metric at discretization (relative for perplexity) needs an explanation."""


def one_shot_entry(data: ReportData, strategy: str) -> OneShotEntry:
    """The one-shot entry of a strategy; empty if it has none."""
    return next((method.get("one_shot") or {} for method in data.methods if method["name"] == strategy), {})


def sentences(data: ReportData, strategy: str) -> list[str]:
    """All sentences about a strategy's one-shot search, the most important first."""
    entry = one_shot_entry(data, strategy)
    supernet = data.supernets.get(strategy)
    found = [
        _gap(data, entry, supernet),
        _reason(data, supernet, entry),
        _controller(supernet),
        _ranking(entry),
        _cost(data, strategy, entry),
    ]
    return [sentence for sentence in found if sentence]


def warnings(entry: OneShotEntry) -> list[str]:
    """Why the search stopped early, and its own warnings."""
    stopped = f"The search stopped early: {str(entry['stopped']).rstrip('.')}." if entry.get("stopped") else ""
    return [sentence for sentence in (stopped, *map(str, entry.get("notes") or ())) if sentence]


def _gap(data: ReportData, entry: OneShotEntry, supernet: Supernet | None) -> str:
    mixture, discretized, scratch = (finite(entry.get(f"{name}_score")) for name in ("supernet", "discretized", "from_scratch"))
    if discretized is None:
        return ""
    with_shared = f"reaches {metric_text(data.metric, discretized)} with the shared weights"
    retrained = (
        f" and {metric_text(data.metric, scratch)} when trained from scratch"
        if scratch is not None
        else "; it has no completed training from scratch"
    )
    if mixture is None and supernet is not None and supernet.kind == "controller":
        return f"Only single paths drawn by the controller were trained: the best one derived from it {with_shared}{retrained}."
    if mixture is None:
        return f"No mixture was trained, only single paths: the best architecture found {with_shared}{retrained}."
    return (
        f"With all candidate operations mixed, the supernet reached {metric_text(data.metric, mixture)} validation "
        f"{metric_name(data.metric)}. Discretized by {entry.get('discretization')}, it becomes an architecture that {with_shared} "
        f"(discretization gap: {difference_text(data.metric, discretized - mixture)}){retrained}."
    )


def _reason(data: ReportData, supernet: Supernet | None, entry: OneShotEntry) -> str:
    """Why a wide gap need not mean that the architecture is bad."""
    mixture, discretized = (finite(entry.get(f"{name}_score")) for name in ("supernet", "discretized"))
    if (
        mixture is None
        or discretized is None
        or not is_wide(data.metric, mixture, discretized)
        or supernet is None
        or not supernet.epochs
    ):
        return ""
    return (
        f"So wide a gap is common with shared weights: in the end, the strongest candidate operation held on average "
        f"{100 * _strongest_share(supernet):.0f} % of its edge's weight, and discretization removes the rest, which the shared "
        "weights were trained with. The gap says more about these weights than about the architecture: judge that by its score "
        "after training from scratch."
    )


def _controller(supernet: Supernet | None) -> str:
    """How far the controller's policy has converged."""
    epochs = [epoch for epoch in (supernet.epochs if supernet is not None else ()) if finite(epoch.get("controller_entropy"))]
    if not epochs:
        return ""
    first, last = epochs[0], epochs[-1]
    kept = last["controller_entropy"] / first["controller_entropy"]
    meaning = (
        " It still draws almost at random, so the architecture derived from it is hardly better than a random one."
        if kept > STILL_RANDOM
        else ""
    )
    return (
        f"The controller's mean reward went from {first['reward']:.2f} to {last['reward']:.2f}, while the entropy of its policy "
        f"went from {first['controller_entropy']:.1f} to {last['controller_entropy']:.1f} nats.{meaning}"
    )


def is_wide(metric: str, mixture: float, discretized: float) -> bool:
    """Whether a supernet lost much when it was discretized to one architecture."""
    return as_score(metric, mixture - discretized) > WIDE_GAP * scale_of(metric, mixture)


def _strongest_share(supernet: Supernet) -> float:
    """The strongest candidate's share of its edge's weight in the last epoch, in [0, 1]: mean over the edges with any weight."""
    return float(mean(max(edge) / sum(edge) for edge in supernet.epochs[-1]["weights"] if sum(edge) > 0))


def _ranking(entry: OneShotEntry) -> str:
    tau, interval = finite(entry.get("kendall_tau")), entry.get("kendall_ci95")
    if tau is None or not interval:
        return ""
    low, high = interval
    if low > 0:
        meaning = "the shared weights rank networks better than chance"
    elif high < 0:
        meaning = "the shared weights rank networks the wrong way round"
    else:
        meaning = "the ranking by shared weights cannot be entry from chance"
    return (
        f"Over {plural(int(entry.get('kendall_n') or 0), 'candidate')} of this run, scores with shared weights and after training "
        f"from scratch have a Kendall's tau of {_signed(tau)} (95 % interval {_signed(low)} to {_signed(high)}): {meaning}."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _cost(data: ReportData, strategy: str, entry: OneShotEntry) -> str:
    seconds = finite(entry.get("supernet_seconds"))
    if not seconds:
        return ""
    trained = next((int(m.get("n_trials") or 0) for m in data.methods if m["name"] == strategy), 0)
    candidates = f"{plural(trained, 'candidate')} {'was' if trained == 1 else 'were'} then trained from scratch"
    text = f"Training the supernet took {seconds_text(seconds)}, and {candidates}"
    by_trials = (data.results.get("settings") or {}).get("trials") is not None
    if by_trials and any(method["name"] == "random" for method in data.methods):
        return f"{text}; random search had its trials but no supernet, so its search cost that much less."
    return f"{text}."
