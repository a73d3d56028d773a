"""What a one-shot search came to, in words that hold its numbers."""

from dataclasses import replace

import pytest

from archwright.report.report_data import Supernet
from archwright.report.supernet_findings import sentences, told_of, warnings


@pytest.fixture
def with_told(one_shot_data):
    """The run with other entries in what results.json says of its one-shot method."""

    def make(**told):
        results = one_shot_data.results
        first, *others = results["methods"]
        methods = [{**first, "one_shot": {**first["one_shot"], **told}}, *others]
        return type(one_shot_data)(
            results={**results, "methods": methods},
            problem=one_shot_data.problem,
            space="nasbench201",
            supernets=one_shot_data.supernets,
        )

    return make


def test_the_discretization_gap_has_all_three_scores(with_told):
    (gap, *_) = sentences(with_told(supernet_score=0.832, discretized_score=0.61, from_scratch_score=0.901), "darts")
    for part in (
        "83.20 %",
        "argmax made of it reaches 61.00 %",
        "\N{MINUS SIGN}22.20 percentage points",
        "90.10 % trained from scratch",
    ):
        assert part in gap


def test_what_was_not_trained_from_scratch_is_told(with_told):
    assert "was not trained from scratch" in sentences(with_told(from_scratch_score=None), "darts")[0]


def test_a_method_of_single_paths_has_no_mixture(with_told):
    (gap, *_) = sentences(with_told(supernet_score=None), "darts")
    assert gap.startswith("No mixture was trained")
    assert "None" not in gap


def test_a_wide_gap_is_explained_by_the_weight_that_is_cut_away(with_told, supernet):
    weights = supernet.epochs[-1]["weights"][0]
    share = f"{100 * max(weights) / sum(weights):.0f} % of its weight"
    assert share in sentences(with_told(supernet_score=0.94, discretized_score=0.09), "darts")[1]
    for mixed, alone in ((0.94, 0.9), (0.4, 0.9), (None, 0.1)):
        assert not any(share in text for text in sentences(with_told(supernet_score=mixed, discretized_score=alone), "darts"))


@pytest.mark.parametrize(
    ("interval", "meaning"),
    [([0.1, 0.6], "better than chance"), ([-0.1, 0.6], "cannot be told from chance"), ([-0.6, -0.1], "the wrong way round")],
)
def test_a_rank_correlation_is_told_with_its_interval_and_what_it_means(with_told, interval, meaning):
    data = with_told(kendall_tau=0.31, kendall_ci95=interval, kendall_n=12)
    told = next(text for text in sentences(data, "darts") if "tau" in text)
    assert "12 candidates" in told
    assert "Kendall's tau 0.31" in told
    assert f"{interval[0]:.2f} to".replace("-", "\N{MINUS SIGN}") in told
    assert told.endswith(f"{meaning}.")


def test_without_a_rank_correlation_there_is_no_sentence_about_it(with_told):
    assert not any("Kendall" in sentence for sentence in sentences(with_told(kendall_tau=None, kendall_ci95=None), "darts"))


def test_the_cost_beside_random_search_is_told_where_trials_count(with_told):
    data = with_told(supernet_seconds=40.0)
    by_trials = type(data)(results={**data.results, "settings": {"trials": 3}}, problem=data.problem, space="nasbench201")
    assert "40.0 s" in sentences(by_trials, "darts")[-1]
    assert "random search had its trials and no supernet" in sentences(by_trials, "darts")[-1]
    assert "random" not in sentences(data, "darts")[-1]


def test_a_supernet_that_failed_has_nothing_to_say(with_told):
    nothing = dict.fromkeys(("supernet_score", "discretized_score", "kendall_tau", "supernet_seconds"))
    assert sentences(with_told(**nothing), "darts") == []


def test_an_early_end_comes_before_the_other_warnings():
    told = {"stopped": "the order of candidates stood still for 5 epochs.", "notes": ["The alphas are where they began."]}
    assert warnings(told) == [
        "The search stopped before its time: the order of candidates stood still for 5 epochs.",
        "The alphas are where they began.",
    ]
    assert warnings({}) == []


def test_only_one_shot_methods_are_told_of(one_shot_data):
    assert told_of(one_shot_data, "darts")
    assert told_of(one_shot_data, "random") == told_of(one_shot_data, "nobody") == {}


@pytest.fixture
def of_controller(with_told, controlled):
    """The run, as if a controller had searched it, with the entropy of its last epoch."""

    def make(entropy):
        *epochs, last = controlled.epochs
        record = {**controlled.record, "epochs": [*epochs, {**last, "controller_entropy": entropy}]}
        return replace(with_told(supernet_score=None), supernets={"darts": Supernet(record)})

    return make


@pytest.mark.parametrize(("entropy", "random"), [(2.0, False), (6.9, True)])
def test_a_controllers_way_is_told_and_whether_it_still_draws_at_random(of_controller, entropy, random):
    gap, way, *_ = sentences(of_controller(entropy), "darts")
    assert gap.startswith("Single paths were trained, as the controller drew them")
    assert f"reward went from 0.10 to 0.60, while the entropy of what it draws went from 7.0 to {entropy:.1f} nats" in way
    assert ("almost at random" in way) == random
