"""Was the search worth it? The best searched network against the best baseline, both chosen on validation, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from archwright.data.problem import Problem, as_score
from archwright.formatting import (
    difference_interval_text,
    difference_text,
    finite,
    metric_name,
    metric_text,
    plural,
    scale_of,
    seconds_text,
    times_text,
)
from archwright.statistics.intervals import Comparison, TestRun, compare

Method = Mapping[str, Any]
CLEARLY_SMALLER = 2.0  # times fewer operations or parameters for which a searched network is taken though no better
FAR_APART = 0.02  # difference in the metric (of a perplexity: share of it) that is followed even where it may be chance


class Verdict(TypedDict):
    """`choice`: the method to use, None where there is none. `difference`: searched minus baseline in the test metric."""

    choice: str | None
    text: str
    difference: float | None
    ci95: list[float] | None


def make_verdict(problem: Problem, methods: Sequence[Method], predictions: Mapping[str, Sequence[TestRun]]) -> Verdict:
    """Whether the searched network beats the best baseline beyond noise, and what to use.

    methods: as in results.json. predictions: the final runs of each method on the test split, in the order of its `runs`.
    """
    searched = best_on_validation(methods, "search")
    baseline = best_on_validation(methods, "baseline")
    if searched is None or baseline is None:
        return _without_comparison(problem, methods, searched, baseline)
    comparison = compare(problem.metric, predictions[searched["name"]], predictions[baseline["name"]])
    choice, sentence = _judge(problem.metric, searched, baseline, comparison)
    notes = [_seed_note(comparison), _random_note(problem, methods, searched, predictions)]
    text = " ".join([sentence, *(note for note in notes if note)])
    return Verdict(choice=choice, text=text, difference=comparison.difference, ci95=list(comparison.ci95))


def best_on_validation(methods: Sequence[Method], kind: str) -> Method | None:
    """The method of this kind that is best on validation, in the mean over seeds; the first of equals. None if all failed."""
    finished = [(method, mean) for method in methods if method["kind"] == kind and (mean := validation_mean(method)) is not None]
    return max(finished, key=lambda pair: as_score(pair[0]["metric"], pair[1]), default=(None, 0.0))[0]


def validation_mean(method: Method) -> float | None:
    """Mean of the runs' validation metric; None where no run has one."""
    values = [value for run in method.get("runs") or () if (value := finite(run.get("val"))) is not None]
    return float(np.mean(values)) if values else None


def _without_comparison(problem: Problem, methods: Sequence[Method], searched: Method | None, baseline: Method | None) -> Verdict:
    there = {method["kind"] for method in methods}
    if searched is None:
        why = "no searched network was trained to the end" if "search" in there else "no search was run"
        if baseline is None:
            text = f"There is no verdict: {why} and no baseline either, so there is nothing to use. See the causes below."
            return Verdict(choice=None, text=text, difference=None, ci95=None)
        text = f"There is nothing to compare, because {why}: use {_of(problem, baseline)}, the best baseline."
        return Verdict(choice=baseline["name"], text=text, difference=None, ci95=None)
    why = "all baselines failed" if "baseline" in there else "no baseline was run"
    text = (
        f"Whether the search was worth it cannot be said, because {why}: use the searched network from {_of(problem, searched)}, "
        "and run it again with --baselines for a comparison."
    )
    return Verdict(choice=searched["name"], text=text, difference=None, ci95=None)


def _of(problem: Problem, method: Method) -> str:
    return f"{method['name']} ({metric_text(problem.metric, method.get('mean'))} test {metric_name(problem.metric)})"


def _judge(metric: str, searched: Method, baseline: Method, comparison: Comparison) -> tuple[str, str]:
    """The choice and the one sentence that says it."""
    ours, theirs = f"the searched network ({searched['name']})", f"the best baseline ({baseline['name']})"
    numbers = (
        f"{metric_text(metric, searched.get('mean'))} against {metric_text(metric, baseline.get('mean'))} "
        f"test {metric_name(metric)}, {_difference(metric, comparison)}"
    )
    if not comparison.beyond_noise:
        choice, why = _within_noise(metric, searched, baseline, comparison)
        return choice, f"Within noise, {ours} and {theirs} cannot be told apart ({numbers}): use {_named(choice, searched)}, {why}."
    if as_score(metric, comparison.difference) > 0:
        return searched["name"], f"Yes, {ours} beats {theirs} beyond noise ({numbers}): use the searched network."
    return baseline["name"], f"No, {theirs} beats {ours} beyond noise ({numbers}): use {baseline['name']}."


def _difference(metric: str, comparison: Comparison) -> str:
    return (
        f"difference {difference_text(metric, comparison.difference)}, "
        f"95 % interval {difference_interval_text(metric, comparison.ci95)}"
    )


def _named(choice: str, searched: Method) -> str:
    return "the searched network" if choice == searched["name"] else choice


def _within_noise(metric: str, searched: Method, baseline: Method, comparison: Comparison) -> tuple[str, str]:
    """Which of two that cannot be told apart, and why: the cheaper, unless they look too unlike to go by cost."""
    if abs(comparison.difference) <= FAR_APART * scale_of(metric, baseline.get("mean")):
        return _cheaper(searched, baseline)
    better = searched if as_score(metric, comparison.difference) > 0 else baseline
    return better["name"], "which did better here, though that may be chance: more seeds would tell"


def _cheaper(searched: Method, baseline: Method) -> tuple[str, str]:
    """Of two equally good methods the one to use, and why.

    The baseline needs no search; only a clearly smaller searched network outweighs that. A classical model has no MACs.
    """
    saving = _smaller_by(searched, baseline)
    if saving is not None:
        return searched["name"], f"which needs {saving}"
    if (dearer := _smaller_by(baseline, searched)) is not None:
        return baseline["name"], f"which needs no search and {dearer}"
    spent = finite(searched.get("search_seconds"))
    cost = f" (it took {seconds_text(spent)} here)" if spent else ""
    if finite(baseline.get("macs")) is None:
        return baseline["name"], f"a simpler model that needs no search{cost}"
    return baseline["name"], f"which needs no search{cost}"


def _smaller_by(small: Method, large: Method) -> str | None:
    """`3.1 times fewer multiply-accumulates and 2.0 times fewer parameters`, where one is clearly smaller and neither larger."""
    words = (("macs", "multiply-accumulates"), ("parameters", "parameters"))
    sizes = [(finite(small.get(key)), finite(large.get(key)), word) for key, word in words]
    ratios = [(many / few, word) for few, many, word in sizes if few and many]
    if not ratios or min(ratio for ratio, _ in ratios) < 1 or max(ratio for ratio, _ in ratios) < CLEARLY_SMALLER:
        return None
    return " and ".join(f"{times_text(ratio)} fewer {word}" for ratio, word in ratios if ratio >= 1.05)


def _seed_note(comparison: Comparison) -> str:
    """Says so where the interval knows nothing of how much training varies from seed to seed."""
    if comparison.seeds == (1, 1):
        samples = plural(comparison.samples, "test sample")
        return f"With one seed per method the interval comes from the {samples} alone: --seeds 3 would show the training's noise."
    if 1 in comparison.seeds:
        return "One of the two has a single seed, so part of the training's noise is not in the interval."
    return ""


def _random_note(
    problem: Problem, methods: Sequence[Method], searched: Method, predictions: Mapping[str, Sequence[TestRun]]
) -> str:
    """What random search at the same cost says about the strategy."""
    others = [m for m in methods if m["kind"] == "search" and m is not searched and validation_mean(m) is not None]
    names = " and ".join(method["name"] for method in others)
    if searched["name"] == "random":
        return f"The best searched network came from random search, so {names} brought nothing more." if names else ""
    if not any(method["name"] == "random" for method in others):
        return ""
    comparison = compare(problem.metric, predictions[searched["name"]], predictions["random"])
    numbers = _difference(problem.metric, comparison)
    if not comparison.beyond_noise:
        return f"Random search at the same cost cannot be told apart from it ({numbers}): the strategy brought nothing measurable."
    if as_score(problem.metric, comparison.difference) > 0:
        return f"The strategy beats random search at the same cost ({numbers})."
    return f"Random search at the same cost did better on the test split ({numbers}), though not on validation."
