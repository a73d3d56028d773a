import pytest

from archwright.report import findings as words


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


def test_a_good_run_has_nothing_to_be_said(with_methods, make_curve):
    rows = [row(i, value=0.9 + i / 1000) for i in range(12)]
    methods = [
        method("random", [0.97, 0.975]),
        method("vgg", [0.9, 0.91], "baseline"),
        method("forest", [0.8, 0.81], "baseline", None),
    ]
    data = with_methods(*methods, rows=rows, curves={"random": [make_curve(0.97, epochs=60)]})
    assert words.findings_of(type(data)(**{**vars_of(data), "results": {**data.results, "skipped": []}})) == []


def vars_of(data):
    return {name: getattr(data, name) for name in type(data).__dataclass_fields__}


def test_diverged_trials_are_counted_with_their_causes(make_data):
    rows = [row(i) for i in range(6)]
    rows += [
        row(9, "failed", cause="diverged: training loss was nan in epoch 2"),
        row(10, "failed", cause="diverged: inf in epoch 1"),
    ]
    rows += [row(11, "failed", cause="out of memory: asked for 8 GB")]
    (sentence,) = words.failed_trials(make_data(rows=rows))
    assert "3 of 9 trainings failed (2 × diverged; 1 × out of memory)" in sentence
    assert "learning rate" in sentence
    (sentence,) = words.failed_trials(make_data(rows=[*rows[:6], rows[-1]]))
    assert "learning rate" not in sentence
    assert words.failed_trials(make_data(rows=rows[:6])) == []


def test_a_search_whose_trials_all_failed_is_told_once(make_data):
    data = make_data(rows=[row(i, "failed", cause="timed out after 5 s") for i in range(4)])
    assert "All 4 trials" in words.all_trials_failed(data)[0]
    assert words.failed_trials(data) == []


def test_chance_is_told(with_methods):
    assert "the commonest class (30.00 %)" in words.no_better_than_chance(with_methods(method("a", [0.31]), chance=0.3))[0]
    assert words.no_better_than_chance(with_methods(method("a", [0.5]), chance=0.3)) == []
    assert "10.00 %" in words.no_better_than_chance(with_methods(method("a", [0.11]), chance=None))[0]
    assert words.no_better_than_chance(with_methods(method("a", []), chance=0.3)) == []


def test_overlapping_seeds_make_a_problem_too_easy(with_methods):
    same = [method("a", [0.97, 0.98]), method("b", [0.972, 0.979], "baseline"), method("c", [0.96, 0.975], "baseline")]
    assert "too easy" in words.problem_too_easy(with_methods(*same))[0]
    assert words.problem_too_easy(with_methods(*same[:2], method("c", [0.90, 0.91], "baseline"))) == []
    assert words.problem_too_easy(with_methods(*same[:2])) == []


def test_a_classical_model_as_good_as_the_networks_is_told(with_methods):
    network, forest = method("a", [0.97, 0.98], ci95=[0.96, 0.99]), method("forest", [0.965], "baseline", None)
    assert "may not need a neural network" in words.simple_baseline_within_noise(with_methods(network, forest))[0]
    assert words.simple_baseline_within_noise(with_methods(network, method("forest", [0.9], "baseline", None))) == []


def test_few_trials_are_told_by_strategy(make_data):
    rows = [row(i) for i in range(12)] + [row(i, strategy="evolution") for i in range(3)]
    (sentence,) = words.few_trials(make_data(rows=rows))
    assert "evolution (3)" in sentence
    assert "random" not in sentence


def test_many_duplicates_are_told(make_data):
    rows = [row(i, "duplicate" if i % 2 else "complete") for i in range(20)]
    assert "10 of 20 proposals of random" in words.many_duplicates(make_data(rows=rows))[0]
    assert words.many_duplicates(make_data(rows=rows[::2])) == []


def test_a_search_that_ranks_otherwise_than_the_final_trainings_is_told(make_data):
    search = [row(i, value=0.9 + i / 100) for i in range(4)]
    opposite = [row(i, value=0.95 - i / 100, stage="final") for i in range(4)]
    alike = [row(i, value=0.9 + i / 100, stage="final") for i in range(4)]
    assert "Kendall's tau -1.00" in words.ranking_noise(make_data(rows=search + opposite))[0]
    assert words.ranking_noise(make_data(rows=search + alike)) == []


def test_final_trainings_that_fall_short_of_the_search_are_told(make_data):
    rows = [row(0, value=0.95), row(0, value=0.90, stage="final"), row(0, value=0.92, stage="final")]
    assert "4.00 percentage points worse" in words.ranking_noise(make_data(rows=rows))[0]


def test_training_far_better_or_worse_than_validation_is_told(make_data, make_curve):
    over = make_data(curves={"vgg": [make_curve(0.85, gap=0.12)]})
    assert "vgg overfits" in words.overfitting(over)[0]
    assert words.training_worse_than_validation(over) == []
    under = make_data(curves={"vgg": [make_curve(0.85, gap=-0.12)]})
    assert "worse on the training split" in words.training_worse_than_validation(under)[0]
    assert words.overfitting(under) == []


def test_what_was_left_out_is_named(make_data):
    assert "resnet50" in words.left_out(make_data())[0]
    assert words.left_out(make_data(results={**make_data().results, "skipped": []})) == []


def test_a_training_cut_short_while_rising_is_told(make_data):
    rising = [{"epoch": i, "val_accuracy": 0.5 + i / 50} for i in range(1, 11)]
    flat = [{"epoch": i, "val_accuracy": min(0.5 + i / 10, 0.9)} for i in range(1, 21)]
    assert "still getting better" in words.cut_short(make_data(curves={"a": [rising]}))[0]
    assert words.cut_short(make_data(curves={"a": [flat], "b": []})) == []
    assert words.cut_short(make_data(curves={"a": [rising, flat]})) == []


def test_the_trouble_of_a_one_shot_search_is_told(with_methods):
    told = {"supernet_score": 0.8, "discretized_score": 0.5, "stopped": None, "notes": ["The alphas are where they began."]}
    data = with_methods({**method("darts", [0.9]), "one_shot": told}, method("random", [0.9]))
    note, gap = words.supernet_trouble(data)
    assert note == "darts: The alphas are where they began."
    assert "lost 30.00 percentage points of validation" in gap
    small = {**told, "discretized_score": 0.78, "notes": []}
    assert words.supernet_trouble(with_methods({**method("darts", [0.9]), "one_shot": small})) == []
    paths = {**told, "supernet_score": None, "notes": []}
    assert words.supernet_trouble(with_methods({**method("single_path_uniform", [0.9]), "one_shot": paths})) == []


def test_few_trainings_of_a_one_shot_method_are_as_it_should_be(with_methods):
    rows = [row(i, strategy=name) for name in ("darts", "random") for i in range(3)]
    methods = [{**method("darts", [0.9]), "one_shot": {"notes": []}}, method("random", [0.9])]
    (sentence,) = words.few_trials(with_methods(*methods, rows=rows))
    assert "random (3)" in sentence
    assert "darts" not in sentence
