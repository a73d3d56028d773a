"""What fits into the minutes: divided by measured epoch times; what does not fit is listed with its reason."""

import json
from dataclasses import replace
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import UnknownSetting
from archwright.evaluate.job import Outcome
from archwright.settings import with_settings
from archwright.study.request import Request
from archwright.study.time_plan import (
    CLOSING_SECONDS,
    FINAL,
    LEAST_FINAL_EPOCHS,
    SPACE,
    Budget,
    Skipped,
    TimePlan,
    fill_evenly,
    least_baseline_epochs,
    plan_by_minutes,
    plan_by_trials,
    usual_epochs,
)

FOUR_STRATEGIES = ("random", "regularized_evolution", "hill_climbing", "tpe")


def outcome(seconds, name=SPACE):
    """What a probe measured: these seconds per epoch; None could not be measured. A random forest is no network."""
    if seconds is None:
        return Outcome("failed", "timed out after 20 s")
    return Outcome("complete", seconds_per_epoch=seconds, macs=None if name == "random_forest" else 1000)


def plan_of(
    seconds=600.0,
    space=(1.0,),
    on_devices=(),
    *,
    workers=1,
    strategies=1,
    budget=None,
    n_train=1_000,
    spent=0.0,
    baselines=None,
    **options,
):
    """The plan of a run of so many seconds. `space`, `on_devices`, `baselines`: measured seconds per epoch."""
    baselines = baselines or {}
    names = FOUR_STRATEGIES[:strategies]
    request = Request("digits", strategies=names, minutes=seconds / 60, baselines=tuple(baselines), random=False, **options)
    measured = {name: [outcome(epoch, name)] for name, epoch in baselines.items()}
    measured |= {SPACE: [outcome(epoch) for epoch in space], FINAL: [outcome(epoch) for epoch in on_devices]}
    return plan_by_minutes(request, budget or Budget(), n_train, workers, measured, spent)


def usable(plan, workers):
    """Worker-seconds for training: in a run without baselines, final trainings begin until they are used up."""
    assert plan.baselines == ()
    return plan.final_until * workers


def without_baselines_time(plan, budget, workers, trainings):
    """The goal of a final training before it got its part of the time of the baselines, of which there are none."""
    return plan.final_goal - budget.baselines * usable(plan, workers) / trainings


# The budget.


@pytest.mark.parametrize(("n_train", "epochs"), [(60_000, 20), (30_000, 40), (15_000, 80), (90, 80), (0, 80), (10**7, 20)])
def test_usual_epochs_give_about_the_same_number_of_samples(n_train, epochs):
    assert usual_epochs(n_train) == epochs


@pytest.mark.parametrize(
    ("given_settings", "told"),
    [
        ({"search": "0.9"}, "add up to 1"),
        ({"search": "-0.4", "final": "1.2"}, "add up to 1"),
        ({"search": "0", "final": "0.8"}, "above 0"),
        ({"search": "0.8", "final": "0"}, "above 0"),
        ({"search_epochs": "0"}, "search_epochs"),
        ({"final_epochs": "-3"}, "final_epochs"),
        ({"supernet": "1"}, "'supernet'"),
        ({"supernet": "0"}, "'supernet'"),
        ({"share": "1"}, "'share'"),
    ],
)
def test_an_invalid_budget_is_an_error(given_settings, told):
    with pytest.raises(UnknownSetting, match=told):
        with_settings(Budget, given_settings, "budget")


# The plan itself.

GOALS = TimePlan(4.0, 16.0, 3, 1, search_goal=10.0, final_goal=20.0, baseline_goal=30.0, supernet_goal=40.0, scoring_goal=50.0)


@pytest.mark.parametrize(
    ("stage", "goal"), [("search", 10.0), ("final", 20.0), ("baseline", 30.0), ("supernet", 40.0), ("shared_scores", 50.0)]
)
def test_a_training_aims_to_fill_its_stages_seconds_of_which_each_device_takes_a_part(stage, goal):
    assert GOALS.seconds(stage) == goal
    assert GOALS.seconds(stage, devices=4) == goal / 4


def test_a_full_training_of_a_multi_fidelity_strategy_may_take_four_times_as_long():
    assert GOALS.seconds("search", multi_fidelity=True) == 4 * 10.0
    assert GOALS.seconds("search", devices=2, multi_fidelity=True) == 2 * 10.0


@pytest.mark.parametrize("multi_fidelity", [False, True])
@pytest.mark.parametrize("stage", ["search", "final", "baseline", "supernet", "shared_scores"])
def test_a_training_whose_epochs_are_fixed_has_no_seconds_to_fill(stage, multi_fidelity):
    assert TimePlan(4.0, 16.0, 3, 1).seconds(stage, devices=2, multi_fidelity=multi_fidelity) is None


@pytest.mark.parametrize(
    ("trials", "search_goal", "full", "multi_fidelity"),
    [
        (20, 10.0, 20, 5),
        (7, 10.0, 7, 1),
        (3, 10.0, 3, 1),  # at least one
        (20, None, 20, 20),  # of fixed epochs
        (None, 10.0, None, None),
        (None, None, None, None),
    ],
)
def test_a_multi_fidelity_strategy_expects_fewer_full_trainings_if_they_take_longer(trials, search_goal, full, multi_fidelity):
    plan = TimePlan(4.0, 16.0, 3, 1, expected_trials=trials, search_goal=search_goal)
    assert plan.expected_trainings(multi_fidelity=False) == full
    assert plan.expected_trainings(multi_fidelity=True) == multi_fidelity


@pytest.mark.parametrize(
    "plan",
    [
        plan_of(60.0, (0.1,), workers=2, strategies=2, n_train=100),
        plan_of(baselines={"vgg": 0.2, "densenet": 500.0}),
        plan_by_trials(Request("digits", trials=7, baselines=("vgg",)), Budget(), 1_000),
    ],
    ids=["minutes", "skipped", "trials"],
)
def test_a_plan_survives_a_round_trip_through_json(plan):
    assert TimePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_plan_that_an_earlier_version_stored_is_read():
    limits = {
        "search_epochs": 20.0,
        "final_epochs": 80.0,
        "seeds": 2,
        "top_k": 1,
        "expected_trials": 20,
        "search_goal": 11.4,
        "final_goal": 76.0,
        "baseline_goal": 38.0,
        "epoch_limit": 2.85,
        "supernet_epochs": 80.0,
        "supernet_goal": 182.4,
        "scoring_goal": 11.4,
    }
    outside = {"search_until": 228.0, "final_until": 494.0}
    skipped = {"name": "densenet", "reason": "too slow for this budget"}
    plan = TimePlan.from_json({"plan": limits, "baselines": ["vgg"], "skipped": [skipped], **outside})
    assert plan == TimePlan(**limits, **outside, baselines=("vgg",), skipped=(Skipped("densenet", "too slow for this budget"),))
    assert plan.limits == limits


# By trials.


@pytest.mark.parametrize(
    ("epochs", "budget", "search", "final"),
    [
        (None, Budget(), 20, 80),
        (3, Budget(), 3, 3),
        (None, Budget(final_epochs=8), 2, 8),
        (None, Budget(final_epochs=1), 1, 1),
        (6, Budget(search_epochs=0.5), 0.5, 6),
        (6, Budget(final_epochs=12), 6, 12),
    ],
)
def test_by_trials_the_plan_does_not_depend_on_a_clock(epochs, budget, search, final):
    plan = plan_by_trials(Request("digits", trials=7, epochs=epochs, seeds=3, top_k=2), budget, 100)
    assert plan == TimePlan(search, final, seeds=3, top_k=2, expected_trials=7, supernet_epochs=epochs or 80)


def test_by_trials_everything_is_trained():
    plan = plan_by_trials(Request("digits", trials=7, baselines=("vgg",), seeds=4, top_k=2), Budget(), 1_000)
    assert (plan.baselines, plan.skipped) == (("vgg",), ())
    assert (plan.search_until, plan.final_until) == (None, None)
    assert (plan.seeds, plan.top_k, plan.final_goal, plan.epoch_limit) == (4, 2, None, None)


# By minutes: the searched networks.

SECONDS, WORKERS, STRATEGIES = st.floats(5, 10_000), st.integers(1, 8), st.integers(1, 4)
SHARES = st.sampled_from([Budget(), Budget(0.2, 0.7, 0.1), Budget(0.6, 0.4, 0.0)])


@settings(deadline=None, max_examples=60)
@given(
    SECONDS,
    WORKERS,
    STRATEGIES,
    SHARES,
    st.integers(1, 5),
    st.integers(1, 3),
    st.lists(st.floats(0.01, 50), min_size=1, max_size=4),
    st.integers(10, 10**5),
)
def test_by_minutes_the_plan_fits_into_the_time(seconds, workers, strategies, budget, seeds, top_k, epoch_seconds, n_train):
    """The worker-seconds computed independently: the search, then the final trainings in rounds over the workers."""
    plan = plan_of(
        seconds, epoch_seconds, workers=workers, strategies=strategies, budget=budget, n_train=n_train, seeds=seeds, top_k=top_k
    )
    for_training = usable(plan, workers)
    assert 0 <= seconds * workers - for_training <= CLOSING_SECONDS * workers * (1 + 1e-9)
    trainings = strategies * top_k * plan.seeds
    rounds = -(-trainings // workers)
    assert rounds * without_baselines_time(plan, budget, workers, trainings) <= budget.final * seconds
    assert 1 <= plan.seeds <= seeds
    assert 0.25 <= plan.search_epochs <= plan.final_epochs == usual_epochs(n_train)
    assert plan.epoch_limit >= median_low(epoch_seconds)
    if plan.seeds < seeds:  # only because a final training would otherwise have been too short
        more = strategies * top_k * (plan.seeds + 1)
        too_short = budget.final * for_training / workers / -(-more // workers)
        assert too_short < max(LEAST_FINAL_EPOCHS, plan.search_epochs) * max(epoch_seconds)


@settings(deadline=None, max_examples=60)
@given(SECONDS, WORKERS, STRATEGIES, SHARES, st.integers(1, 4), st.integers(1, 3), st.floats(0.01, 10))
def test_by_minutes_trainings_on_several_devices_fit_into_the_time(seconds, workers, strategies, budget, devices, top_k, epoch):
    """Computed independently: as many at a time as the workers allow, each for its worker-seconds divided by its devices."""
    devices = min(devices, workers)
    run = {"workers": workers, "strategies": strategies, "budget": budget, "devices": devices, "top_k": top_k}
    plan = plan_of(seconds, [epoch], [1.5 * epoch], **run)
    trainings = strategies * top_k * plan.seeds
    rounds = -(-trainings // (workers // devices))
    lasts = usable(plan, workers) / workers
    own = without_baselines_time(plan, budget, workers, trainings)
    assert rounds * own / devices == pytest.approx(budget.final * lasts)
    of_strategy = budget.search * lasts * workers / strategies
    assert plan.supernet_goal == pytest.approx(budget.supernet * min(of_strategy, budget.search * lasts * devices))


def test_by_minutes_slower_final_epochs_on_several_devices_are_allowed_for():
    """Communication makes an epoch slower: candidates must be faster, and fewer seeds may fit."""
    cheap, dear = (plan_of(1_000.0, [1.0, 9.0], [t, 9 * t], workers=2, devices=2) for t in (1.0, 80.0))
    assert dear.epoch_limit < cheap.epoch_limit
    assert dear.seeds < cheap.seeds == 3


def test_by_minutes_the_search_is_shared_and_aims_at_twenty_trainings_per_strategy():
    one = plan_of(1_000.0, seeds=1)
    assert one.search_goal == pytest.approx(0.4 * 970 / 20)
    assert one.expected_trials == 20
    two = plan_of(1_000.0, strategies=2, seeds=1)
    assert two.search_goal == pytest.approx(one.search_goal / 2)


def test_by_minutes_a_search_gets_more_trainings_if_they_need_less_than_their_share():
    plan = plan_of(1_000.0, epochs=4, seeds=1)
    assert plan.expected_trials == round(0.4 * 970 / 4)


def test_search_epochs_fixed_by_hand_have_no_goal_in_seconds():
    plan = plan_of(1_000.0, budget=Budget(search_epochs=1.5), seeds=1)
    assert (plan.search_epochs, plan.search_goal) == (1.5, None)
    assert plan.expected_trials == round(0.4 * 970 / 1.5)


def test_requested_epochs_limit_the_trainings():
    plan = plan_of(1_000.0, epochs=2, seeds=1)
    assert (plan.search_epochs, plan.final_epochs) == (2.0, 2.0)
    fixed = plan_of(1_000.0, budget=Budget(search_epochs=1.5, final_epochs=7), seeds=1)
    assert (fixed.search_epochs, fixed.final_epochs) == (1.5, 7.0)


@settings(deadline=None, max_examples=60)
@given(SECONDS, WORKERS, STRATEGIES, SHARES, st.floats(0.1, 0.9))
def test_by_minutes_a_supernet_fits_into_its_strategys_share_of_the_search(seconds, workers, strategies, budget, share):
    """As a single training it cannot take longer than the search, however many workers there are."""
    plan = plan_of(seconds, workers=workers, strategies=strategies, budget=replace(budget, supernet=share), seeds=1)
    lasts, of_strategy = (budget.search * usable(plan, workers) / number for number in (workers, strategies))
    assert plan.supernet_goal == pytest.approx(share * min(lasts, of_strategy))
    assert plan.scoring_goal < 0.1 * lasts


@pytest.mark.parametrize("left", [0.0, -30.0])
def test_by_minutes_there_is_a_plan_even_if_measuring_took_all_the_time(left):
    plan = plan_of(60.0, strategies=2, spent=60.0 - left)
    assert plan.seeds == plan.expected_trials == 1
    assert 0 < plan.final_goal < 1


def test_by_minutes_a_supernet_leaves_room_for_three_candidates():
    plan = plan_of(1_000.0, (0.1,), workers=2, strategies=2, seeds=1)
    assert plan.supernet_goal + 3 * plan.search_goal < 0.4 * 970
    assert plan.supernet_epochs == usual_epochs(1_000)


def test_there_is_a_plan_even_if_no_network_could_be_measured():
    plan = plan_of(space=(None,), baselines={"vgg": 0.1})
    assert plan.search_epochs > 0
    assert plan.baselines == ("vgg",)
    assert plan_of(space=(), baselines={"vgg": 0.1}) == plan


@pytest.mark.parametrize("spent", [59.0, 60.0, 300.0])
def test_a_run_without_time_left_plans_the_minimum(spent):
    plan = plan_of(60.0, spent=spent, baselines={"vgg": 0.1})
    assert plan.seeds == 1
    assert 0 <= plan.search_goal < 1
    assert plan.expected_trials <= 2


def test_stages_end_one_after_the_other_and_time_already_spent_counts():
    fresh, late = plan_of(baselines={"vgg": 0.1}), plan_of(baselines={"vgg": 0.1}, spent=120.0)
    assert 0 < fresh.search_until < fresh.final_until < 600
    assert fresh.search_until == pytest.approx(0.4 * 570, abs=1)
    assert late.search_until == pytest.approx(120 + 0.4 * 451, abs=1)
    assert late.final_until < 600


# By minutes: the baselines.


def needed(plan, measured):
    """Worker-seconds that the final trainings and the baselines may take, computed independently."""
    finals = plan.final_goal * plan.seeds * plan.top_k
    needs = [measured[name] * (plan.final_epochs if name != "random_forest" else 1) for name in plan.baselines]
    return finals, sum(min(need, plan.baseline_goal) for need in needs) * plan.seeds


def test_a_baseline_that_does_not_fit_is_left_out_with_the_estimate():
    plan = plan_of(baselines={"vgg": 0.2, "resnet50": 40.0, "densenet": 60.0})
    assert plan.baselines == ("vgg",)
    assert [skipped.name for skipped in plan.skipped] == ["densenet", "resnet50"]
    assert "an epoch takes an estimated 60.0 s" in plan.skipped[0].reason


def test_a_baseline_that_trains_as_long_as_the_searched_networks_is_a_fair_comparison():
    """Text: an epoch takes long, and no training gets a quarter of the maximum epochs."""
    fair = plan_of(1_200.0, (280.0,), seeds=1, baselines={"lstm": 121.7})
    assert fair.baselines == ("lstm",)
    assert fair.baseline_goal / 121.7 > fair.final_goal / 280.0
    assert plan_of(1_200.0, (100.0,), seeds=1, baselines={"lstm": 121.7}).baselines == ()


def test_a_baseline_needs_a_quarter_of_the_epochs_or_as_many_as_the_finals_and_at_least_one():
    plan = plan_of(seeds=1)
    assert least_baseline_epochs(plan, []) == plan.final_epochs / 4
    assert least_baseline_epochs(plan, [plan.final_goal / 3]) == pytest.approx(0.8 * 3)
    assert least_baseline_epochs(plan, [plan.final_goal / 1000, 1e-3]) == plan.final_epochs / 4
    assert least_baseline_epochs(plan, [1e9]) == 1.0


def test_a_baseline_that_could_not_be_measured_is_left_out_with_the_cause():
    plan = plan_of(baselines={"vgg": 0.2, "googlenet": None})
    assert plan.baselines == ("vgg",)
    (skipped,) = plan.skipped
    assert skipped.name == "googlenet"
    assert "could not even be measured (timed out after 20 s)" in skipped.reason


def test_seeds_are_reduced_before_methods_and_that_is_reported():
    plan = plan_of(60.0, (2.0,), baselines={"vgg": 0.01})
    assert plan.seeds < 3
    assert plan.skipped == (Skipped("seeds", f"3 were requested, but only {plan.seeds} fit into the time for final trainings"),)
    assert plan.baselines == ("vgg",)


def test_what_was_left_out_is_listed_once_the_seeds_first():
    plan = plan_of(60.0, (2.0,), baselines={"vgg": 0.01, "densenet": 500.0})
    assert [skipped.name for skipped in plan.skipped] == ["seeds", "densenet"]


def test_without_baselines_their_time_goes_to_the_finals():
    with_slow, without = plan_of(baselines={"vgg": 10_000.0}), plan_of()
    assert with_slow.final_goal == pytest.approx(without.final_goal)
    assert without.final_goal == pytest.approx(0.6 * 570 / 3)
    assert with_slow.baseline_goal is None


@settings(deadline=None, max_examples=60)
@given(
    st.floats(2, 100),
    st.floats(0.05, 5),
    st.dictionaries(st.sampled_from(["vgg", "densenet", "resnet18", "random_forest"]), st.floats(0.01, 50), min_size=1),
)
def test_finals_and_baselines_stay_within_their_shares(minutes, epoch, measured):
    plan = plan_of(60 * minutes, (epoch,), baselines=measured)
    if not plan.baselines:
        assert len(plan.skipped) >= len(measured)
        return
    finals, baselines = needed(plan, measured)
    assert finals + baselines <= 0.6 * 60 * minutes * (1 + 1e-9)
    assert finals >= 0.4 * (60 * minutes - 30) * (1 - 1e-9)
    for name in plan.baselines:
        least = measured[name] * (1.0 if name != "random_forest" else 0.25)
        assert least <= plan.baseline_goal * (1 + 1e-9)
    assert {*plan.baselines, *(s.name for s in plan.skipped)} - {"seeds"} == set(measured)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=6), st.floats(0.1, 300))
def test_filling_evenly_uses_exactly_the_total(needs, total):
    goal = fill_evenly(needs, total)
    used = sum(min(need, goal) for need in needs)
    assert used <= total * (1 + 1e-9)
    if sum(needs) > total:
        assert used == pytest.approx(total)
    else:
        assert used == pytest.approx(sum(needs))
