"""The page of a benchmark, from folders written by the tests."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from archwright.benchmark.benchmark_folder import BenchmarkFolder
from archwright.benchmark.page import benchmark_page, write_benchmark_report
from archwright.benchmark.table import benchmark_columns, benchmark_table, p_text, title_of, verdict_on
from archwright.benchmark.tabular_search import Query, SimulatedSearch

NASTY = "<script>alert(1)</script>&[bold]"


def entry(name, rank, like=True, **more):
    return {
        "name": name, "settings": {}, "rank": rank, "like_the_best": like, "p_value": None if rank == 1 else 0.5 if like else 1e-4,
        "regret_valid": {"50": 2.0, "60": 0.5}, "regret_valid_se": {"50": 0.2, "60": 0.05},
        "regret_test": {"10": 3.0, "60": 1.5}, "regret_test_se": {"10": 0.3, "60": 0.15},
        "test_accuracy": 88.0, "test_accuracy_se": 0.25, "found_optimum": 0.5,
        "queries_to_optimum": {"quarter": 20.0, "median": 40.0, "three_quarters": None}, "seconds_per_proposal": 0.004, **more,
    }  # fmt: skip


def results_with(strategies, **more):
    return {
        "benchmark": "toy", "dataset": "set", "queries": 60, "repeats": 2, "seed": 0, "in_flight": 1, "best_valid": 90.0,
        "best_test": 91.0, "simulated_time": True, "strategies": strategies, "left_out": [], **more,
    }  # fmt: skip


def searches_of(as_score):
    for repeat in range(2):
        yield (
            repeat,
            SimulatedSearch(
                [Query(i, as_score + 0.1 * i * (repeat + 1), 80.0 + 0.1 * i, 60.0 * (i + 1)) for i in range(60)], 60, 1.0
            ),
        )


@pytest.fixture
def make_folder(tmp_path):
    def make(results):
        folder = BenchmarkFolder(tmp_path)
        folder.claim({})
        folder.results.write_text(json.dumps(results))
        for i, strategy in enumerate(results["strategies"]):
            for repeat, search in searches_of(70.0 + i):
                folder.add(strategy["name"], repeat, search)
        return folder

    return make


class Texts(HTMLParser):
    """The words of a page, and everything that it would load from elsewhere."""

    def __init__(self, page):
        super().__init__()
        self.words, self.loads, self.tags = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_shows_table_verdict_and_curves_and_loads_nothing(make_folder):
    folder = make_folder(results_with([entry("genetic", 1), entry("random", 2, like=False)]))
    write_benchmark_report(folder)
    page = Texts(folder.report.read_text(encoding="utf-8"))
    words = " ".join(" ".join(page.words).split())
    assert page.loads == []
    assert page.tags.count("svg") == 3
    for part in ("0.50 ± 0.05", "1.50 ± 0.15", "88.00 ± 0.25", "50%", "< 0.001", "simulated time", "@article{deb2002"):
        assert part in words
    assert "Left out" not in words


def test_names_are_escaped(make_folder):
    results = results_with([entry(NASTY, 1, settings={"key": NASTY})], left_out=[{"name": NASTY, "reason": NASTY}], dataset=NASTY)
    page = benchmark_page(make_folder(results))
    assert "<script>alert" not in page
    assert Texts(page).words.count(NASTY) >= 4


def test_without_times_there_is_no_chart_over_time(make_folder):
    page = benchmark_page(make_folder(results_with([entry("random", 1)], simulated_time=False)))
    assert len(re.findall("<svg", page)) == 2


def test_the_verdict_names_those_not_significantly_worse_than_the_best():
    best, like, worse = entry("a", 1), entry("b", 2), entry("c", 3, like=False)
    assert verdict_on(results_with([best, like, worse])) == (
        "a has the lowest mean validation regret after 60 queries; b is not significantly worse (p ≥ 0.05), the others are."
    )
    assert verdict_on(results_with([best, like])).endswith("b is not significantly worse (p ≥ 0.05).")
    assert "that of every other strategy is significantly higher" in verdict_on(results_with([best, worse]))
    assert "was the only strategy" in verdict_on(results_with([best]))
    assert "in a single repeat" in verdict_on(results_with([best, like], repeats=1))


def test_the_table_in_the_terminal_has_the_columns_of_the_page_and_every_name():
    results = results_with([entry("a", 1), entry(NASTY, 2)])
    table = benchmark_table(results)
    assert [column.header for column in table.columns] == [column.heading for column in benchmark_columns(results)]
    assert table.row_count == 2
    assert {column.header for column in benchmark_table(results, essential=True).columns} < {c.header for c in table.columns}
    assert title_of(results).startswith("toy, set: 60 queries, 2 repeats; mean ± standard error")


@pytest.mark.parametrize(("p", "text"), [(None, "–"), (0.0002, "< 0.001"), (0.0213, "0.021"), (0.5, "0.50")])
def test_p_values_are_rounded_for_reading(p, text):
    assert p_text(p) == text


@pytest.mark.parametrize(("benchmark", "cited"), [("nasbench201", True), ("toy", False)])
def test_the_page_cites_the_strategies_and_the_librarys_table(make_folder, benchmark, cited):
    text = benchmark_page(make_folder(results_with([entry("optuna:tpe", 1)], benchmark=benchmark)))
    for key in ("akiba2019", "bergstra2011"):
        assert f"{{{key}," in text
    assert ("{dong2020," in text) == cited
