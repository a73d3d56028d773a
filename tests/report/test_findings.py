import pytest

from archwright.report import findings


def row(number, state="complete", value=0.9, stage="search", strategy="random", **more):
    return {
        "stage": stage,
        "state": state,
        "strategy": strategy,
        "key": str(number),
        "val_accuracy": value if state == "complete" else None,
        "cause": "",
        **more,
    }


def method(name, values, kind="search", macs=1000, ci95=None):
    runs = [{"value": v, "val": v} for v in values]
    mean = sum(values) / len(values) if values else None
    return {"name": name, "kind": kind, "mean": mean, "ci95": ci95, "runs": runs, "macs": macs}


@pytest.fixture
def with_methods(make_data):
    return lambda *methods, **more: make_data(results={**make_data().results, "methods": list(methods)}, **more)


def test_a_good_run_has_no_findings(with_methods, make_curve):
    rows = [row(i, value=0.9 + i / 1000) for i in range(12)]
    methods = [
        method("random", [0.97, 0.975]),
        method("vgg", [0.9, 0.91], "baseline"),
        method("forest", [0.8, 0.81], "baseline", None),
    ]
    data = with_methods(*methods, rows=rows, curves={"random": [make_curve(0.97, epochs=60)]})
    assert findings.findings_of(type(data)(**{**vars_of(data), "results": {**data.results, "skipped": []}})) == []


def vars_of(data):
    return {name: getattr(data, name) for name in type(data).__dataclass_fields__}


def test_diverged_trials_are_counted_with_their_causes(make_data):
    rows = [row(i) for i in range(6)]
    rows += [
        row(9, "failed", cause="diverged: training loss was nan in epoch 2"),
        row(10, "failed", cause="diverged: inf in epoch 1"),
    ]
    rows += [row(11, "failed", cause="out of memory: asked for 8 GB")]
    (sentence,) = findings.failed_trials(make_data(rows=rows))
    assert "3 of 9 trainings failed (2 × diverged; 1 × out of memory)" in sentence
    assert "learning rate" in sentence
    (sentence,) = findings.failed_trials(make_data(rows=[*rows[:6], rows[-1]]))
    assert "learning rate" not in sentence
    assert findings.failed_trials(make_data(rows=rows[:6])) == []


def test_a_search_whose_trials_all_failed_is_reported_once(make_data):
    data = make_data(rows=[row(i, "failed", cause="timed out after 5 s") for i in range(4)])
    assert "All 4 trials" in findings.all_trials_failed(data)[0]
    assert findings.failed_trials(data) == []


def test_results_no_better_than_chance_are_reported(with_methods):
    assert "the most common class (30.00 %)" in findings.no_better_than_chance(with_methods(method("a", [0.31]), chance=0.3))[0]
    assert findings.no_better_than_chance(with_methods(method("a", [0.5]), chance=0.3)) == []
    assert "10.00 %" in findings.no_better_than_chance(with_methods(method("a", [0.11]), chance=None))[0]
    assert findings.no_better_than_chance(with_methods(method("a", []), chance=0.3)) == []


def test_a_problem_is_too_easy_if_all_seeds_overlap(with_methods):
    same = [method("a", [0.97, 0.98]), method("b", [0.972, 0.979], "baseline"), method("c", [0.96, 0.975], "baseline")]
    assert "too easy" in findings.problem_too_easy(with_methods(*same))[0]
    assert findings.problem_too_easy(with_methods(*same[:2], method("c", [0.90, 0.91], "baseline"))) == []
    assert findings.problem_too_easy(with_methods(*same[:2])) == []


def test_a_classical_model_as_good_as_the_networks_is_reported(with_methods):
    network, forest = method("a", [0.97, 0.98], ci95=[0.96, 0.99]), method("forest", [0.965], "baseline", None)
    assert "may not need a neural network" in findings.simple_baseline_within_noise(with_methods(network, forest))[0]
    assert findings.simple_baseline_within_noise(with_methods(network, method("forest", [0.9], "baseline", None))) == []


def test_few_trials_are_reported_by_strategy(make_data):
    rows = [row(i) for i in range(12)] + [row(i, strategy="evolution") for i in range(3)]
    (sentence,) = findings.few_trials(make_data(rows=rows))
    assert "evolution (3)" in sentence
    assert "random" not in sentence


def test_many_duplicates_are_reported(make_data):
    rows = [row(i, "duplicate" if i % 2 else "complete") for i in range(20)]
    assert "10 of 20 proposals by random" in findings.many_duplicates(make_data(rows=rows))[0]
    assert findings.many_duplicates(make_data(rows=rows[::2])) == []


def test_a_search_that_ranks_differently_from_the_final_trainings_is_reported(make_data):
    search = [row(i, value=0.9 + i / 100) for i in range(4)]
    opposite = [row(i, value=0.95 - i / 100, stage="final") for i in range(4)]
    alike = [row(i, value=0.9 + i / 100, stage="final") for i in range(4)]
    assert "Kendall's tau -1.00" in findings.ranking_noise(make_data(rows=search + opposite))[0]
    assert findings.ranking_noise(make_data(rows=search + alike)) == []


def test_final_trainings_that_fall_short_of_the_search_are_reported(make_data):
    rows = [row(0, value=0.95), row(0, value=0.90, stage="final"), row(0, value=0.92, stage="final")]
    assert "4.00 percentage points worse" in findings.ranking_noise(make_data(rows=rows))[0]


def test_training_far_better_or_worse_than_validation_is_reported(make_data, make_curve):
    over = make_data(curves={"vgg": [make_curve(0.85, gap=0.12)]})
    assert "vgg overfits" in findings.overfitting(over)[0]
    assert findings.training_worse_than_validation(over) == []
    under = make_data(curves={"vgg": [make_curve(0.85, gap=-0.12)]})
    assert "worse on the training split" in findings.training_worse_than_validation(under)[0]
    assert findings.overfitting(under) == []


def test_what_was_left_out_is_named(make_data):
    assert "resnet50" in findings.left_out(make_data())[0]
    assert findings.left_out(make_data(results={**make_data().results, "skipped": []})) == []


def test_a_training_cut_short_while_improving_is_reported(make_data):
    rising = [{"epoch": i, "val_accuracy": 0.5 + i / 50} for i in range(1, 11)]
    flat = [{"epoch": i, "val_accuracy": min(0.5 + i / 10, 0.9)} for i in range(1, 21)]
    assert "still improving" in findings.cut_short(make_data(curves={"a": [rising]}))[0]
    assert findings.cut_short(make_data(curves={"a": [flat], "b": []})) == []
    assert findings.cut_short(make_data(curves={"a": [rising, flat]})) == []


def test_the_trouble_of_a_one_shot_search_is_reported(with_methods):
    entry = {"supernet_score": 0.8, "discretized_score": 0.5, "stopped": None, "notes": ["The alphas are where they began."]}
    data = with_methods({**method("darts", [0.9]), "one_shot": entry}, method("random", [0.9]))
    note, gap = findings.supernet_trouble(data)
    assert note == "darts: The alphas are where they began."
    assert "its supernet is 30.00 percentage points worse on validation" in gap
    small = {**entry, "discretized_score": 0.78, "notes": []}
    assert findings.supernet_trouble(with_methods({**method("darts", [0.9]), "one_shot": small})) == []
    paths = {**entry, "supernet_score": None, "notes": []}
    assert findings.supernet_trouble(with_methods({**method("single_path_uniform", [0.9]), "one_shot": paths})) == []


def test_few_trainings_of_a_one_shot_method_are_no_finding(with_methods):
    rows = [row(i, strategy=name) for name in ("darts", "random") for i in range(3)]
    methods = [{**method("darts", [0.9]), "one_shot": {"notes": []}}, method("random", [0.9])]
    (sentence,) = findings.few_trials(with_methods(*methods, rows=rows))
    assert "random (3)" in sentence
    assert "darts" not in sentence
