"""What a one-shot search came to, in plain words: the discretization gap, what its scores are worth, what it cost, what is off."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

from archwright.data.problem import as_score
from archwright.formatting import difference_text, finite, metric_name, metric_text, plural, scale_of, seconds_text
from archwright.report.report_data import ReportData, Supernet

STILL_RANDOM = 0.9
"""A controller that keeps a larger part of its first entropy has hardly decided anything."""
Told = Mapping[str, Any]
"""A method's entry `one_shot` in results.json."""
WIDE_GAP = 0.1
"""A mixture that loses more of its metric (of a perplexity: share of it) than this when it is cut down needs an explanation."""


def told_of(data: ReportData, strategy: str) -> Told:
    """The entry of a strategy; empty where it has none."""
    return next((method.get("one_shot") or {} for method in data.methods if method["name"] == strategy), {})


def sentences(data: ReportData, strategy: str) -> list[str]:
    """All there is to say, what matters most first."""
    told = told_of(data, strategy)
    supernet = data.supernets.get(strategy)
    found = [
        _gap(data, told, supernet),
        _reason(data, supernet, told),
        _controller(supernet),
        _ranking(told),
        _cost(data, strategy, told),
    ]
    return [sentence for sentence in found if sentence]


def warnings(told: Told) -> list[str]:
    """Why it stopped early, and what the search itself found to be off."""
    stopped = f"The search stopped before its time: {str(told['stopped']).rstrip('.')}." if told.get("stopped") else ""
    return [sentence for sentence in (stopped, *map(str, told.get("notes") or ())) if sentence]


def _gap(data: ReportData, told: Told, supernet: Supernet | None) -> str:
    mixed, alone, scratch = (finite(told.get(f"{name}_score")) for name in ("supernet", "discretized", "from_scratch"))
    if alone is None:
        return ""
    with_shared = f"reaches {metric_text(data.metric, alone)} with the shared weights"
    retrained = (
        f" and {metric_text(data.metric, scratch)} trained from scratch as a candidate"
        if scratch is not None
        else "; it was not trained from scratch to the end"
    )
    if mixed is None and supernet is not None and supernet.kind == "controller":
        return (
            f"Single paths were trained, as the controller drew them: the best that was derived from it {with_shared}{retrained}."
        )
    if mixed is None:
        return f"No mixture was trained, only single paths: the best that was found {with_shared}{retrained}."
    return (
        f"With all candidates mixed, the supernet reached {metric_text(data.metric, mixed)} validation "
        f"{metric_name(data.metric)}. The one architecture that {told.get('discretization')} made of it {with_shared} "
        f"(the discretization gap: {difference_text(data.metric, alone - mixed)}){retrained}."
    )


def _reason(data: ReportData, supernet: Supernet | None, told: Told) -> str:
    """Why a wide gap need not be the architecture's fault."""
    mixed, alone = (finite(told.get(f"{name}_score")) for name in ("supernet", "discretized"))
    if mixed is None or alone is None or not is_wide(data.metric, mixed, alone) or supernet is None or not supernet.epochs:
        return ""
    return (
        f"So wide a gap is usual where weights are shared: in the end an edge's strongest candidate had "
        f"{100 * _strongest_share(supernet):.0f} % of its weight (mean over the edges), and all the rest is cut away, with which "
        "the shared weights were trained. It judges these weights, not the architecture, which its score from scratch is for."
    )


def _controller(supernet: Supernet | None) -> str:
    """How far a controller has come."""
    told = [entry for entry in (supernet.epochs if supernet is not None else ()) if finite(entry.get("controller_entropy"))]
    if not told:
        return ""
    first, last = told[0], told[-1]
    kept = last["controller_entropy"] / first["controller_entropy"]
    meaning = " It still draws almost at random, so what was derived is little more than that." if kept > STILL_RANDOM else ""
    return (
        f"The controller's mean reward went from {first['reward']:.2f} to {last['reward']:.2f}, while the entropy of what it draws "
        f"went from {first['controller_entropy']:.1f} to {last['controller_entropy']:.1f} nats.{meaning}"
    )


def is_wide(metric: str, mixed: float, alone: float) -> bool:
    """Whether a mixture lost much when it was cut down to one architecture."""
    return as_score(metric, mixed - alone) > WIDE_GAP * scale_of(metric, mixed)


def _strongest_share(supernet: Supernet) -> float:
    """Of an edge's weight in the last epoch, what its strongest candidate had: mean over the edges that had any, in [0, 1]."""
    return float(mean(max(edge) / sum(edge) for edge in supernet.epochs[-1]["weights"] if sum(edge) > 0))


def _ranking(told: Told) -> str:
    tau, interval = finite(told.get("kendall_tau")), told.get("kendall_ci95")
    if tau is None or not interval:
        return ""
    low, high = interval
    if low > 0:
        meaning = "the shared weights tell better networks from worse ones better than chance"
    elif high < 0:
        meaning = "the shared weights rank networks the wrong way round"
    else:
        meaning = "that the shared weights rank networks at all cannot be told from chance"
    return (
        f"Over {plural(int(told.get('kendall_n') or 0), 'candidate')} of this run, scores with shared weights and after training "
        f"from scratch agree with Kendall's tau {_signed(tau)} (95 % interval {_signed(low)} to {_signed(high)}): {meaning}."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _cost(data: ReportData, strategy: str, told: Told) -> str:
    seconds = finite(told.get("supernet_seconds"))
    if not seconds:
        return ""
    trained = next((int(m.get("n_trials") or 0) for m in data.methods if m["name"] == strategy), 0)
    candidates = f"{plural(trained, 'candidate')} {'was' if trained == 1 else 'were'} trained from scratch after it"
    text = f"The supernet's training took {seconds_text(seconds)}, and {candidates}"
    by_trials = (data.results.get("settings") or {}).get("trials") is not None
    if by_trials and any(method["name"] == "random" for method in data.methods):
        return f"{text}; random search had its trials and no supernet, so it cost that much less beside them."
    return f"{text}."
