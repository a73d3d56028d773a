import numpy as np
import pytest

from archwright.data.problem import Problem
from archwright.statistics.intervals import TestRun as Run
from archwright.statistics.intervals import test_metric as metric_of_run
from archwright.statistics.verdict import best_on_validation, make_verdict

PROBLEM = Problem("digits", "classification", (1, 8, 8), 4, n_test=400)
TARGET = np.random.default_rng(0).integers(0, 4, 400)


def runs_with(accuracy, seeds=3, seed=0, flip=0):
    """Predictions that are right for the first share `accuracy` of the samples, with `flip` random samples inverted."""
    rng = np.random.default_rng(seed)
    runs = []
    for _ in range(seeds):
        right = np.arange(400) < round(400 * accuracy)
        right[rng.choice(400, flip, replace=False)] ^= True
        runs.append(Run(np.eye(4)[np.where(right, TARGET, (TARGET + 1) % 4)], TARGET))
    return runs


def method(name, kind, runs, val=None, **more):
    values = [metric_of_run("accuracy", run) for run in runs]
    mean = float(np.mean(values)) if values else None
    entries = [{"seed": i, "value": v, "val": v if val is None else val} for i, v in enumerate(values)]
    return {
        "name": name,
        "kind": kind,
        "metric": "accuracy",
        "mean": mean,
        "runs": entries,
        "macs": 1_000_000,
        "parameters": 10_000,
        **more,
    }


def verdict(*entries, problem=PROBLEM):
    """entries: (name, kind, runs, other fields of the method)."""
    methods = [method(name, kind, runs, **more) for name, kind, runs, more in entries]
    return make_verdict(problem, methods, {name: runs for name, _, runs, _ in entries})


def test_a_better_searched_network_is_chosen():
    got = verdict(("evolution", "search", runs_with(0.97, flip=3), {}), ("resnet18", "baseline", runs_with(0.9, flip=3), {}))
    assert got["choice"] == "evolution"
    assert got["text"].startswith("Yes, the searched network (evolution) beats the best baseline (resnet18) by more than noise")
    assert "percentage points" in got["text"]
    assert got["ci95"][0] > 0
    assert got["difference"] == pytest.approx(0.07, abs=0.01)


def test_a_better_baseline_is_chosen():
    got = verdict(("evolution", "search", runs_with(0.9, flip=3), {}), ("resnet18", "baseline", runs_with(0.97, flip=3), {}))
    assert got["choice"] == "resnet18"
    assert got["text"].startswith("No, the best baseline (resnet18) beats")
    assert got["ci95"][1] < 0


@pytest.mark.parametrize(
    ("searched", "baseline", "choice", "reason"),
    [
        ({"search_seconds": 240.0}, {}, "resnet18", "needs no search (the search took 4.0 min here)"),
        ({"macs": 100_000, "parameters": 9_000}, {}, "evolution", "10 times fewer multiply-accumulates"),
        ({"macs": 100_000, "parameters": 90_000}, {}, "resnet18", "needs no search"),
        ({"macs": 9_000_000}, {}, "resnet18", "no search and 9.0 times fewer multiply-accumulates"),
        ({}, {"macs": None, "parameters": None}, "resnet18", "a simpler model that needs no search"),
    ],
)
def test_within_noise_the_baseline_or_a_clearly_cheaper_network_is_chosen(searched, baseline, choice, reason):
    got = verdict(
        ("evolution", "search", runs_with(0.93, flip=6), searched),
        ("resnet18", "baseline", runs_with(0.93, seed=1, flip=6), baseline),
    )
    assert got["ci95"][0] <= 0 <= got["ci95"][1]
    assert got["choice"] == choice
    assert got["text"].startswith("Within noise")
    assert reason in got["text"]


@pytest.mark.parametrize("better", ["evolution", "resnet18"])
def test_a_large_difference_within_noise_decides_and_may_be_chance(better):
    far = [*runs_with(0.5, 1), *runs_with(0.99, 1)]
    near = runs_with(0.6, 2)
    searched, baseline = (far, near) if better == "evolution" else (near, far)
    got = verdict(("evolution", "search", searched, {"macs": 1}), ("resnet18", "baseline", baseline, {}))
    assert got["choice"] == better
    assert "may be chance" in got["text"]


def test_methods_are_chosen_on_validation_not_on_test():
    entries = (
        ("evolution", "search", runs_with(0.9), {"val": 0.99}),
        ("random", "search", runs_with(0.97), {"val": 0.5}),
        ("resnet-tiny", "baseline", runs_with(0.8), {"val": 0.98}),
        ("resnet18", "baseline", runs_with(0.99), {"val": 0.6}),
    )
    got = verdict(*entries)
    assert "(evolution)" in got["text"]
    assert "(resnet-tiny)" in got["text"]


def test_the_verdict_compares_the_strategy_with_random_search():
    baseline = ("resnet18", "baseline", runs_with(0.8), {})
    good = ("evolution", "search", runs_with(0.95, flip=5), {"val": 0.99})
    equal = verdict(good, ("random", "search", runs_with(0.95, seed=2, flip=5), {}), baseline)
    assert "Random search at the same cost did equally well within noise" in equal["text"]
    worse = verdict(good, ("random", "search", runs_with(0.85, seed=2, flip=5), {}), baseline)
    assert "beats random search" in worse["text"]
    better = verdict(("evolution", "search", runs_with(0.9), {"val": 0.999}), ("random", "search", runs_with(0.97), {}), baseline)
    assert "did better on the test split" in better["text"]
    best = verdict(("evolution", "search", runs_with(0.9), {}), ("random", "search", runs_with(0.97), {}), baseline)
    assert "came from random search" in best["text"]


def test_with_one_seed_the_verdict_says_so():
    got = verdict(("evolution", "search", runs_with(0.95, 1), {}), ("resnet18", "baseline", runs_with(0.9, 1), {}))
    assert "With one seed per method, the interval reflects the 400 test samples alone" in got["text"]
    mixed = verdict(("evolution", "search", runs_with(0.95, 3, flip=4), {}), ("resnet18", "baseline", runs_with(0.9, 1), {}))
    assert "single seed" in mixed["text"]


FAILED = {"macs": None, "parameters": None}


@pytest.mark.parametrize(
    ("entries", "choice", "words"),
    [
        ([("evolution", "search", runs_with(0.9), {})], "evolution", "no baseline was run"),
        ([("evolution", "search", runs_with(0.9), {}), ("vgg", "baseline", [], FAILED)], "evolution", "all baselines failed"),
        ([("vgg", "baseline", runs_with(0.9), {})], "vgg", "no search was run"),
        ([("evolution", "search", [], FAILED), ("vgg", "baseline", runs_with(0.9), {})], "vgg", "no searched network finished"),
        ([("evolution", "search", [], FAILED), ("vgg", "baseline", [], FAILED)], None, "There is no verdict"),
        ([], None, "There is no verdict"),
    ],
)
def test_without_two_methods_to_compare_the_verdict_says_why(entries, choice, words):
    got = verdict(*entries)
    assert got["choice"] == choice
    assert words in got["text"]
    assert (got["difference"], got["ci95"]) == (None, None)


def test_a_regression_is_not_reported_in_percent():
    target = np.random.default_rng(1).normal(size=(200, 2))
    runs = {
        "evolution": [Run(target + 0.1 * i, target) for i in (1, 2)],
        "random_forest": [Run(target + 0.5 * i, target) for i in (1, 2)],
    }
    methods = [
        {"name": name, "kind": kind, "metric": "r2", "mean": 0.5, "runs": [{"val": 0.5, "value": 0.5}]}
        for name, kind in (("evolution", "search"), ("random_forest", "baseline"))
    ]
    got = make_verdict(Problem("kirigami", "regression", (15,), 2), methods, runs)
    assert "R²" in got["text"]
    assert "percent" not in got["text"]


def test_best_on_validation_ignores_methods_that_failed():
    methods = [method("vgg", "baseline", []), method("resnet18", "baseline", runs_with(0.5))]
    best = best_on_validation(methods, "baseline")
    assert best is not None
    assert best["name"] == "resnet18"
    assert best_on_validation(methods, "search") is None


TEXT = Problem("letters", "language_modelling", (6,), 9, level="character")
TOKENS = np.random.default_rng(1).integers(0, 9, (300, 6))


def runs_of_a_text(bits, seeds=3):
    """Log-likelihoods of `bits` per token, plus some noise."""
    rng = np.random.default_rng(2)
    return [Run(np.log(2) * (rng.normal(0, 0.1, TOKENS.shape) - bits), TOKENS) for _ in range(seeds)]


def text_verdict(searched, baseline, random=None):
    bits = {"evolution": searched, "lstm": baseline, **({"random": random} if random else {})}
    predictions = {name: runs_of_a_text(value) for name, value in bits.items()}
    methods = [
        {
            "name": name,
            "kind": "baseline" if name == "lstm" else "search",
            "metric": TEXT.metric,
            "mean": value,
            "runs": [{"val": value, "value": value}] * 3,
            "macs": 1000,
            "parameters": 100,
        }
        for name, value in bits.items()
    ]
    return make_verdict(TEXT, methods, predictions)


def test_fewer_bits_win():
    won, lost = text_verdict(1.5, 1.9, random=1.8), text_verdict(1.9, 1.5)
    assert won["choice"] == "evolution"
    assert won["text"].startswith(
        "Yes, the searched network (evolution) beats the best baseline (lstm) by more than noise "
        "(1.500 against 1.900 test bits per character, difference \N{MINUS SIGN}0.400"
    )
    assert "The strategy beats random search" in won["text"]
    assert won["difference"] == pytest.approx(-0.4, abs=0.02)
    assert lost["choice"] == "lstm"
    assert lost["text"].startswith("No, the best baseline (lstm) beats the searched network")


def test_the_best_on_validation_is_the_lowest_where_lower_is_better():
    methods = [
        {"name": name, "kind": "search", "metric": "perplexity", "runs": [{"val": value}]}
        for name, value in (("a", 90.0), ("b", 80.0), ("c", 100.0))
    ]
    assert best_on_validation(methods, "search")["name"] == "b"
