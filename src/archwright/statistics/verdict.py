"""Was the search worth it? Compares the best searched network with the best baseline, both chosen on validation data."""

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
CLEARLY_SMALLER = 2.0  # times fewer operations or parameters: enough to prefer a searched network that is no better
FAR_APART = 0.02  # difference in the metric (for perplexity: relative) that decides even when it may be chance


class Verdict(TypedDict):
    """`choice`: the method to use, or None. `difference`: searched minus baseline in the test metric."""

    choice: str | None
    text: str
    difference: float | None
    ci95: list[float] | None


def make_verdict(problem: Problem, methods: Sequence[Method], predictions: Mapping[str, Sequence[TestRun]]) -> Verdict:
    """Whether the searched network beats the best baseline by more than noise, and which one to use.

    methods: as in results.json. predictions: each method's final runs on the test split, in the order of its `runs`.
    """
    searched = best_on_validation(methods, "search")
    baseline = best_on_validation(methods, "baseline")
    if searched is None or baseline is None:
        return _without_comparison(problem, methods, searched, baseline)
    comparison = compare(problem.metric, predictions[searched["name"]], predictions[baseline["name"]])
    choice, sentence = _decide(problem.metric, searched, baseline, comparison)
    notes = [_seed_note(comparison), _random_note(problem, methods, searched, predictions)]
    text = " ".join([sentence, *(note for note in notes if note)])
    return Verdict(choice=choice, text=text, difference=comparison.difference, ci95=list(comparison.ci95))


def best_on_validation(methods: Sequence[Method], kind: str) -> Method | None:
    """The method of this kind with the best mean validation metric over seeds; ties go to the first. None if all failed."""
    finished = [(method, mean) for method in methods if method["kind"] == kind and (mean := validation_mean(method)) is not None]
    return max(finished, key=lambda pair: as_score(pair[0]["metric"], pair[1]), default=(None, 0.0))[0]


def validation_mean(method: Method) -> float | None:
    """Mean validation metric of the runs; None if no run has one."""
    values = [value for run in method.get("runs") or () if (value := finite(run.get("val"))) is not None]
    return float(np.mean(values)) if values else None


def _without_comparison(problem: Problem, methods: Sequence[Method], searched: Method | None, baseline: Method | None) -> Verdict:
    kinds = {method["kind"] for method in methods}
    if searched is None:
        why = "no searched network finished its training" if "search" in kinds else "no search was run"
        if baseline is None:
            text = f"There is no verdict: {why}, and no baseline either, so there is no model to use. See the causes below."
            return Verdict(choice=None, text=text, difference=None, ci95=None)
        text = f"No comparison is possible, because {why}: use the best baseline, {_with_mean(problem, baseline)}."
        return Verdict(choice=baseline["name"], text=text, difference=None, ci95=None)
    why = "all baselines failed" if "baseline" in kinds else "no baseline was run"
    text = (
        f"It is unknown whether the search was worth it, because {why}: use the searched network from "
        f"{_with_mean(problem, searched)}, and search again with --baselines for a comparison."
    )
    return Verdict(choice=searched["name"], text=text, difference=None, ci95=None)


def _with_mean(problem: Problem, method: Method) -> str:
    return f"{method['name']} ({metric_text(problem.metric, method.get('mean'))} test {metric_name(problem.metric)})"


def _decide(metric: str, searched: Method, baseline: Method, comparison: Comparison) -> tuple[str, str]:
    """The choice, and the sentence that states it."""
    ours, theirs = f"the searched network ({searched['name']})", f"the best baseline ({baseline['name']})"
    numbers = (
        f"{metric_text(metric, searched.get('mean'))} against {metric_text(metric, baseline.get('mean'))} "
        f"test {metric_name(metric)}, {_difference(metric, comparison)}"
    )
    if not comparison.beyond_noise:
        choice, why = _within_noise(metric, searched, baseline, comparison)
        used = "the searched network" if choice == searched["name"] else choice
        return choice, f"Within noise, {ours} and {theirs} are indistinguishable ({numbers}): use {used}, {why}."
    if as_score(metric, comparison.difference) > 0:
        return searched["name"], f"Yes, {ours} beats {theirs} by more than noise ({numbers}): use the searched network."
    return baseline["name"], f"No, {theirs} beats {ours} by more than noise ({numbers}): use {baseline['name']}."


def _difference(metric: str, comparison: Comparison) -> str:
    return (
        f"difference {difference_text(metric, comparison.difference)}, "
        f"95 % interval {difference_interval_text(metric, comparison.ci95)}"
    )


def _within_noise(metric: str, searched: Method, baseline: Method, comparison: Comparison) -> tuple[str, str]:
    """Which of two equally good methods to use, and why: the cheaper one, unless their means are too far apart to go by cost."""
    if abs(comparison.difference) <= FAR_APART * scale_of(metric, baseline.get("mean")):
        return _cheaper(searched, baseline)
    better = searched if as_score(metric, comparison.difference) > 0 else baseline
    return better["name"], "which did better here, though this may be chance: more seeds would settle it"


def _cheaper(searched: Method, baseline: Method) -> tuple[str, str]:
    """The cheaper of two equally good methods, and why.

    A baseline needs no search, so the searched network must be clearly smaller to be chosen. A classical model has no MACs.
    """
    saving = _smaller_by(searched, baseline)
    if saving is not None:
        return searched["name"], f"which needs {saving}"
    if (saving := _smaller_by(baseline, searched)) is not None:
        return baseline["name"], f"which needs no search and {saving}"
    spent = finite(searched.get("search_seconds"))
    cost = f" (the search took {seconds_text(spent)} here)" if spent else ""
    if finite(baseline.get("macs")) is None:
        return baseline["name"], f"a simpler model that needs no search{cost}"
    return baseline["name"], f"which needs no search{cost}"


def _smaller_by(small: Method, large: Method) -> str | None:
    """`3.1 times fewer multiply-accumulates and 2.0 times fewer parameters`; None unless `small` is clearly smaller."""
    words = (("macs", "multiply-accumulates"), ("parameters", "parameters"))
    sizes = [(finite(small.get(key)), finite(large.get(key)), word) for key, word in words]
    ratios = [(many / few, word) for few, many, word in sizes if few and many]
    if not ratios or min(ratio for ratio, _ in ratios) < 1 or max(ratio for ratio, _ in ratios) < CLEARLY_SMALLER:
        return None
    return " and ".join(f"{times_text(ratio)} fewer {word}" for ratio, word in ratios if ratio >= 1.05)


def _seed_note(comparison: Comparison) -> str:
    """A caveat when the interval does not cover the variation between training runs."""
    if comparison.seeds == (1, 1):
        samples = plural(comparison.samples, "test sample")
        return f"With one seed per method, the interval reflects the {samples} alone, not how training runs vary: use --seeds 3."
    if 1 in comparison.seeds:
        return "One of the two methods has a single seed, so the interval covers only part of the variation between training runs."
    return ""


def _random_note(
    problem: Problem, methods: Sequence[Method], searched: Method, predictions: Mapping[str, Sequence[TestRun]]
) -> str:
    """How the strategy compares with random search at the same cost."""
    others = [m for m in methods if m["kind"] == "search" and m is not searched and validation_mean(m) is not None]
    names = " and ".join(method["name"] for method in others)
    if searched["name"] == "random":
        return f"The best searched network came from random search, so {names} gained nothing over it." if names else ""
    if not any(method["name"] == "random" for method in others):
        return ""
    comparison = compare(problem.metric, predictions[searched["name"]], predictions["random"])
    numbers = _difference(problem.metric, comparison)
    if not comparison.beyond_noise:
        return f"Random search at the same cost did equally well within noise ({numbers}): the strategy brought no measurable gain."
    if as_score(problem.metric, comparison.difference) > 0:
        return f"The strategy beats random search at the same cost ({numbers})."
    return f"Random search at the same cost did better on the test split ({numbers}), though not on validation."
