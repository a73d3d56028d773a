"""docs/ documents everything in the files of a run, and quotes the constants of the code correctly."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.results import benchmark_results
from archwright.benchmark.run_benchmark import SLOWEST
from archwright.benchmark.tabular_benchmark import TableEntry, TabularBenchmark
from archwright.benchmark.tabular_search import Query, SimulatedSearch
from archwright.data.datasets import dataset_names
from archwright.data.image_folder import SUFFIXES
from archwright.data.problem import METRICS, TASKS, Problem
from archwright.data.split_rows import LARGE
from archwright.data.targets import FEW_CLASSES, MANY_CLASSES
from archwright.search_space import BUILT_IN as BUILT_IN_SPACES
from archwright.search_space import make_space
from archwright.search_strategy import BUILT_IN
from archwright.search_strategy.optuna_adapter.sampler_names import PREFIX, SAMPLERS
from archwright.statistics.intervals import RESAMPLES
from archwright.statistics.verdict import CLEARLY_SMALLER, Verdict
from archwright.study.candidates_table import COLUMNS_AFTER_METRICS, COLUMNS_BEFORE_METRICS
from archwright.study.jobs import LEAST_PROBE_SECONDS, PROBE_SHARE, PROBED_ARCHITECTURES
from archwright.study.proposals import EXHAUSTED_AFTER
from archwright.study.request import Request
from archwright.study.results import Method, method_json, problem_json
from archwright.study.time_plan import (
    CLOSING_SECONDS,
    CLOSING_SHARE,
    LEAST_FINAL_EPOCHS,
    MULTI_FIDELITY_FACTOR,
    TRIALS_AIMED_AT,
    Budget,
    TimePlan,
    usual_epochs,
)
from archwright.train.recipe import Recipe, recipe_for

DOCS = Path(__file__).parents[1] / "docs"
PROBLEM = Problem("toy", "classification", (3,), 2)


def page(name):
    return " ".join((DOCS / name).read_text(encoding="utf-8").split())


def keys_of_results():
    yield from problem_json(PROBLEM)
    yield from method_json(Method("none", "baseline", "r2", None, (), ()), PROBLEM, ledger=None, threads=1, device="cpu")
    yield from Verdict.__annotations__
    yield from (field.name for field in fields(Request) if field.name != "out")
    yield from TimePlan(1, 1, seeds=1, top_k=1).limits


def strategy_keys():
    table = TabularBenchmark("toy", "set", make_space("nasbench201"), {"": TableEntry(1.0, 1.0)})
    request = BenchmarkRequest("nasbench201", strategies=("random",), queries=1, repeats=1)
    search = SimulatedSearch([Query(0, 1.0, 1.0, None)], 1, 0.0)
    yield from benchmark_results(request, table, {"random": [search]}, [])["strategies"][0]


@pytest.mark.parametrize(
    "key",
    [
        *dict.fromkeys(
            [*COLUMNS_BEFORE_METRICS, *COLUMNS_AFTER_METRICS, *(f"val_{metric}" for metric in METRICS.values()), *keys_of_results()]
        )
    ],
)
def test_every_column_and_key_is_explained(key):
    assert f"`{key}`" in page("results.md")


@pytest.mark.parametrize("name", [*dataset_names(), *TASKS, *SUFFIXES])
def test_every_data_set_task_and_image_format_is_mentioned(name):
    assert f"`{name}`" in page("data.md")


@pytest.mark.parametrize(
    "words",
    [
        f"integers with at most {FEW_CLASSES} values (or at most {MANY_CLASSES:,},",
        f"(10 % from {LARGE:,} rows on)",
    ],
)
def test_numbers_about_data_agree_with_the_code(words):
    assert words in page("data.md")


BUDGET, RECIPE = Budget(), Recipe()
RATES = {optimizer: recipe_for(10**6, {"optimizer": optimizer}).learning_rate for optimizer in ("sgd", "adamw")}


@pytest.mark.parametrize(
    "words",
    [
        f"After {EXHAUSTED_AFTER} of these",
        f"between {usual_epochs(10**9)} and {usual_epochs(1)} epochs",
        f"{PROBED_ARCHITECTURES} architectures of the space",
        f"at most {100 * PROBE_SHARE:g} % of the time or {LEAST_PROBE_SECONDS:g} s, whichever is more",
        f"{100 * CLOSING_SHARE:g} % and at most {CLOSING_SECONDS:g} s are kept back",
        f"{100 * BUDGET.search:g} % search, {100 * BUDGET.final:g} % final trainings, {100 * BUDGET.baselines:g} % baselines",
        {20: "a twentieth of their strategy's part"}[TRIALS_AIMED_AT],
        f"shorter than {LEAST_FINAL_EPOCHS:g} epochs",
        f"may take {MULTI_FIDELITY_FACTOR} times as long as another's",
        f"Nesterov momentum {RECIPE.momentum}",
        "weight decay 5e-4",
        f"over {100 * RECIPE.warmup:g} % of the steps",
        f"norm {RECIPE.gradient_clip:g}.",
        f"Peak {RATES['sgd']} for SGD and {RATES['adamw']} for AdamW",
        f"at least {recipe_for(1, {}).batch_size}, that gives about 32 steps",
        f"{RESAMPLES} times, test samples are drawn",
        f"at least {CLEARLY_SMALLER:g} times fewer",
    ],
)
def test_numbers_about_methods_agree_with_the_code(words):
    assert words in page("methods.md")


@pytest.mark.parametrize("key", [*strategy_keys(), "benchmark", "in_flight", "left_out", "simulated_time", "architecture"])
def test_every_key_of_a_benchmark_is_explained(key):
    assert f"`{key}`" in page("benchmarks.md")


def test_numbers_about_benchmarks_agree_with_the_code():
    assert f"more than {1000 * SLOWEST:.0f} ms of processor time per proposal" in page("benchmarks.md")
    assert f"after {EXHAUSTED_AFTER} of these in a row" in page("benchmarks.md")


@pytest.mark.parametrize("name", BUILT_IN_SPACES)
def test_every_space_has_a_section(name):
    assert f"\n## `{name}`\n" in (DOCS / "spaces.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in page("spaces.md")


@pytest.mark.parametrize("name", [*BUILT_IN, *(f"{PREFIX}{sampler}" for sampler in SAMPLERS)])
def test_every_strategy_has_a_paragraph(name):
    assert re.search(rf"^(\*\*`[\w:]+`\*\*, )*\*\*`{name}`\*\*", (DOCS / "strategies.md").read_text(encoding="utf-8"), re.MULTILINE)
