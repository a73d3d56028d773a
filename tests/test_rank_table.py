"""The scripts of benchmarks/ about tables: the Markdown of ranks, and the space in which each string is a network of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def load(name, monkeypatch):
    specification = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, name, module)
    specification.loader.exec_module(module)
    return module


def results(queries=300, **ranks):
    regret = {"50": 1.0, "100": 0.5, str(queries): 0.25}
    return {
        "queries": queries,
        "strategies": [
            {
                "name": name, "rank": rank, "regret_valid": {n: v * rank for n, v in regret.items()}, "regret_test": regret,
                "found_optimum": 0.5, "queries_to_optimum": {"median": 40.0 if rank == 1 else None},
            }
            for name, rank in ranks.items()
        ],
    }  # fmt: skip


def test_strategies_stand_by_their_mean_rank_over_the_data_sets(monkeypatch):
    markdown = load("rank_table", monkeypatch).markdown
    head, rule, *rows = markdown([results(a=2, b=1, only_here=3), results(a=3, b=1)]).split("\n")
    assert [row.split(" | ")[:2] for row in rows] == [["| 1.0", "`b`"], ["| 2.5", "`a`"]]
    assert "| 1.00 / 1.00 | 0.50 / 0.50 | 0.25 / 0.25 | 0.25 / 0.25 | 50% / 50% | 40 / 40 |" in rows[0]
    assert rows[1].endswith("| – / – |")
    assert {text.count("|") for text in (head, rule, *rows)} == {9}


@pytest.mark.parametrize("queries", [50, 40])
def test_a_short_benchmark_has_fewer_columns(monkeypatch, queries):
    markdown = load("rank_table", monkeypatch).markdown
    lines = markdown([results(queries, a=1)]).split("\n")
    assert {text.count("|") for text in lines} == {7}


def test_each_string_is_a_network_of_its_own(monkeypatch):
    space = load("each_string", monkeypatch).EachString()
    zeros = "|none~0|+|none~0|{}~1|+|none~0|none~1|none~2|"  # equal networks: nothing reaches the output
    texts = {space.canonical(space.from_string(zeros.format(op))) for op in ("none", "skip_connect", "nor_conv_3x3")}
    assert len(texts) == 3
