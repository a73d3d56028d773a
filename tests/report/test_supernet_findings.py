"""What came of a one-shot search, in sentences with its numbers."""

from dataclasses import replace

import pytest

from archwright.report.report_data import Supernet
from archwright.report.supernet_findings import one_shot_entry, sentences, warnings


@pytest.fixture
def with_entry(one_shot_data):
    """The run with other values in the `one_shot` entry of its method in results.json."""

    def make(**entry):
        results = one_shot_data.results
        first, *others = results["methods"]
        methods = [{**first, "one_shot": {**first["one_shot"], **entry}}, *others]
        return type(one_shot_data)(
            results={**results, "methods": methods},
            problem=one_shot_data.problem,
            space="nasbench201",
            supernets=one_shot_data.supernets,
        )

    return make


def test_the_discretization_gap_has_all_three_scores(with_entry):
    (gap, *_) = sentences(with_entry(supernet_score=0.832, discretized_score=0.61, from_scratch_score=0.901), "darts")
    for part in (
        "83.20 %",
        "Discretized by argmax, it becomes an architecture that reaches 61.00 %",
        "\N{MINUS SIGN}22.20 percentage points",
        "90.10 % when trained from scratch",
    ):
        assert part in gap


def test_a_missing_training_from_scratch_is_reported(with_entry):
    assert "it has no completed training from scratch" in sentences(with_entry(from_scratch_score=None), "darts")[0]


def test_a_method_of_single_paths_has_no_mixture(with_entry):
    (gap, *_) = sentences(with_entry(supernet_score=None), "darts")
    assert gap.startswith("No mixture was trained")
    assert "None" not in gap


def test_a_wide_gap_is_explained_by_the_weight_that_discretization_removes(with_entry, supernet):
    weights = supernet.epochs[-1]["weights"][0]
    share = f"{100 * max(weights) / sum(weights):.0f} % of its edge's weight"
    assert share in sentences(with_entry(supernet_score=0.94, discretized_score=0.09), "darts")[1]
    for mixed, alone in ((0.94, 0.9), (0.4, 0.9), (None, 0.1)):
        assert not any(share in text for text in sentences(with_entry(supernet_score=mixed, discretized_score=alone), "darts"))


@pytest.mark.parametrize(
    ("interval", "meaning"),
    [([0.1, 0.6], "better than chance"), ([-0.1, 0.6], "cannot be entry from chance"), ([-0.6, -0.1], "the wrong way round")],
)
def test_a_rank_correlation_is_reported_with_its_interval_and_its_meaning(with_entry, interval, meaning):
    data = with_entry(kendall_tau=0.31, kendall_ci95=interval, kendall_n=12)
    entry = next(text for text in sentences(data, "darts") if "tau" in text)
    assert "12 candidates" in entry
    assert "Kendall's tau of 0.31" in entry
    assert f"{interval[0]:.2f} to".replace("-", "\N{MINUS SIGN}") in entry
    assert entry.endswith(f"{meaning}.")


def test_without_a_rank_correlation_there_is_no_sentence_about_it(with_entry):
    assert not any("Kendall" in sentence for sentence in sentences(with_entry(kendall_tau=None, kendall_ci95=None), "darts"))


def test_the_cost_compared_with_random_search_is_reported_if_trials_count(with_entry):
    data = with_entry(supernet_seconds=40.0)
    by_trials = type(data)(results={**data.results, "settings": {"trials": 3}}, problem=data.problem, space="nasbench201")
    assert "40.0 s" in sentences(by_trials, "darts")[-1]
    assert "random search had its trials but no supernet" in sentences(by_trials, "darts")[-1]
    assert "random" not in sentences(data, "darts")[-1]


def test_a_supernet_that_failed_has_no_sentences(with_entry):
    nothing = dict.fromkeys(("supernet_score", "discretized_score", "kendall_tau", "supernet_seconds"))
    assert sentences(with_entry(**nothing), "darts") == []


def test_an_early_end_comes_before_the_other_warnings():
    entry = {"stopped": "the order of candidates stood still for 5 epochs.", "notes": ["The alphas are where they began."]}
    assert warnings(entry) == [
        "The search stopped early: the order of candidates stood still for 5 epochs.",
        "The alphas are where they began.",
    ]
    assert warnings({}) == []


def test_only_one_shot_methods_have_an_entry(one_shot_data):
    assert one_shot_entry(one_shot_data, "darts")
    assert one_shot_entry(one_shot_data, "random") == one_shot_entry(one_shot_data, "nobody") == {}


@pytest.fixture
def of_controller(with_entry, controlled):
    """The run as if a controller had searched it, with this entropy in its last epoch."""

    def make(entropy):
        *epochs, last = controlled.epochs
        record = {**controlled.record, "epochs": [*epochs, {**last, "controller_entropy": entropy}]}
        return replace(with_entry(supernet_score=None), supernets={"darts": Supernet(record)})

    return make


@pytest.mark.parametrize(("entropy", "random"), [(2.0, False), (6.9, True)])
def test_a_controllers_progress_is_reported_and_whether_it_still_draws_at_random(of_controller, entropy, random):
    gap, progress, *_ = sentences(of_controller(entropy), "darts")
    assert gap.startswith("Only single paths drawn by the controller were trained")
    assert f"reward went from 0.10 to 0.60, while the entropy of its policy went from 7.0 to {entropy:.1f} nats" in progress
    assert ("almost at random" in progress) == random
