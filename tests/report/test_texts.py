"""A run of language models in the report: lower is better, and the wording is that for texts."""

from dataclasses import replace
from random import Random

import pytest

from archwright.data.problem import Problem
from archwright.report import findings
from archwright.report.curves import incumbent, pareto_front
from archwright.report.methods_text import methods_text, snippets
from archwright.report.page import page
from archwright.report.table import in_order

TEXT = Problem(
    "letters", "language_modelling", (64,), 30, tuple(map(str, range(30))), n_train=800, n_val=100, n_test=100, level="character"
)
FOUND = {"space": "recurrent", "settings": {"nodes": 1}, "answers": {"1/activation": "tanh"}}


def row(number, bits, **more):
    return {
        "stage": "search",
        "state": "complete",
        "strategy": "random",
        "key": str(number),
        "number": number,
        "sequence": number,
        "val_bits_per_character": bits,
        "seconds": 1.0,
        "macs": 100 + number,
        "parameters": 10,
        "cause": "",
        "epochs": 1,
        **more,
    }


def method(name, values, kind="search", macs=1000):
    mean = sum(values) / len(values)
    runs = [{"value": value, "val": value} for value in values]
    interval = [mean - 0.1, mean + 0.1]
    return {
        "name": name,
        "kind": kind,
        "metric": "bits_per_character",
        "mean": mean,
        "ci95": interval,
        "runs": runs,
        "macs": macs,
        "parameters": 1000,
    }


def curve(bits, train):
    return [
        {"epoch": i + 1.0, "val_bits_per_character": b, "val_loss": b, "train_metric": t, "train_loss": t}
        for i, (b, t) in enumerate(zip(bits, train, strict=True))
    ]


@pytest.fixture
def of_text(make_data):
    def make(methods=(), rows=(), **more):
        data = make_data()
        verdict = {"choice": "lstm", "text": "Use it.", "difference": -0.2, "ci95": [-0.3, -0.1]}
        results = {**data.results, "problem": TEXT.to_json(), "methods": list(methods), "verdict": verdict}
        given = {"curves": {}, "supernets": {}, "chance": None, "architecture": None, "description": None, **more}
        return replace(data, results=results, problem=TEXT, space="recurrent", rows=tuple(rows), **given)

    return make


def test_the_incumbent_falls_and_the_lowest_is_first(of_text):
    data = of_text(rows=[row(i, bits) for i, bits in enumerate((2.0, 2.2, 1.9, 1.95))])
    assert [value for _, value in incumbent(data, "random")] == [2.0, 1.9]
    methods = [method("a", [2.0]), method("b", [1.8]), method("lstm", [1.7], "baseline")]
    assert [m["name"] for m in in_order(methods)] == ["b", "a", "lstm"]


def test_the_front_holds_the_points_that_no_other_beats_if_lower_is_better():
    rng = Random(0)
    points = [(rng.randrange(20), rng.randrange(20)) for _ in range(60)]
    brute = {p for p in points if not any(o != p and o[0] <= p[0] and o[1] <= p[1] for o in points)}
    assert set(pareto_front(points, "perplexity")) == brute


def test_a_model_that_memorises_its_text_is_reported(of_text):
    good = of_text(curves={"lstm": [curve((2.0, 1.8), (1.9, 1.75))]})
    bad = of_text(curves={"lstm": [curve((2.0, 1.8, 1.9), (1.9, 1.2, 0.9))]})
    assert findings.overfitting(good) == []
    (sentence,) = findings.overfitting(bad)
    assert "lstm overfits: on the training split it is 0.600 better than on validation" in sentence


def test_a_training_whose_loss_was_still_falling_is_reported(of_text):
    falling, flat = curve([3 - 0.1 * i for i in range(10)], [2.0] * 10), curve([2, 1.5, 1.5, 1.5, 1.5, 1.5], [2.0] * 6)
    assert findings.cut_short(of_text(curves={"lstm": [falling]})) != []
    assert findings.cut_short(of_text(curves={"lstm": [flat]})) == []


def test_chance_is_the_same_probability_for_every_token(of_text):
    (sentence,) = findings.no_better_than_chance(of_text([method("a", [4.9])]))
    assert "no better than assigning every token the same probability (4.907)" in sentence
    assert findings.no_better_than_chance(of_text([method("a", [4.9]), method("b", [2.0])])) == []


def test_networks_that_got_worse_in_retraining_are_reported(of_text):
    rows = [row(i, 1.5) for i in range(3)] + [row(10 + i, 2.0, stage="final", key=str(i)) for i in range(3)]
    assert any(
        "0.500 worse on validation than in the search" in sentence for sentence in findings.ranking_noise(of_text(rows=rows))
    )


def test_the_page_has_the_wording_for_texts(of_text):
    rows = [row(i, bits) for i, bits in enumerate((2.0, 2.2, 1.9, 1.95))]
    html = page(
        of_text(
            [method("random", [1.9, 2.0]), method("lstm", [1.8, 1.7], "baseline")],
            rows,
            architecture=FOUND,
            sample="To be <or> not",
        )
    )
    for part in (
        "language modelling",
        "bits per character",
        "64 characters",
        "To be &lt;or&gt; not",
        "lower is better",
        "computes one step",
    ):
        assert part in html
    ranking = html[html.index('id="ranking"') :]
    assert ranking.index("1.900") < ranking.index("1.950") < ranking.index("2.000")


def test_texts_to_paste_have_the_wording_for_texts(of_text):
    data = of_text([method("lstm", [1.8], "baseline")])
    assert "windows of 64 characters, with the hidden state carried from one to the next" in methods_text(data)
    code = snippets(data)
    assert "begin_stream(model)" in code["python"]
    assert "YOUR_TEXT.txt" in code["command_line"]
    for name in ("python", "onnx"):
        compile(code[name], name, "exec")
