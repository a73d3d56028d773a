import ast

import pytest

from archwright.data.problem import Problem
from archwright.report.methods_text import checklist, enumeration, final_run_count, methods_text, snippets


def test_the_methods_text_names_what_was_done(data):
    text = methods_text(data)
    for part in (
        "1,149 training",
        "regularized evolution (24 trials",
        "random_forest",
        "3 seeds each",
        "27 times",
        "paired bootstrap",
    ):
        assert part in text
    assert "None" not in text


def test_a_test_split_read_too_often_fails_the_check(make_data):
    good, bad = make_data(), make_data(results={**make_data().results, "test_accesses": 28})
    states = [[state for state, sentence in checklist(d) if "test split" in sentence] for d in (good, bad)]
    assert states == [["yes"], ["no"]]


def test_final_trainings_of_all_candidates_and_baselines_are_counted(make_data):
    data = make_data()
    retrained = sum(row["stage"] == "final" for row in data.rows)
    assert final_run_count(data) == retrained + sum(row["stage"] == "baseline" for row in data.rows) == 27
    assert final_run_count(make_data(rows=[])) == 18


def test_missing_comparisons_fail_their_checks(make_data):
    methods = [m for m in make_data().methods if m["name"] == "local_search"]
    methods = [{**methods[0], "runs": methods[0]["runs"][:1]}]
    failed = [
        sentence for state, sentence in checklist(make_data(results={**make_data().results, "methods": methods})) if state == "no"
    ]
    assert [any(word in sentence for sentence in failed) for word in ("Random search", "Baselines", "seeds for each")] == [True] * 3


@pytest.mark.parametrize("task", ["classification", "multi_label", "regression"])
def test_snippets_are_python(make_data, task):
    code = snippets(make_data(problem=Problem("x", task, (3, 128), 2), folder='runs/it\'s "mine"'))
    for part in ("python", "onnx"):
        ast.parse(code[part])
        assert "3, 128" in code[part]


def test_enumeration():
    assert [enumeration(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_the_methods_text_says_that_a_supernet_was_trained(one_shot_data):
    assert "darts (3 trials, one supernet, 40.0 s of training)" in methods_text(one_shot_data)
