import json
from dataclasses import replace
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import UnknownSetting
from archwright.settings import with_settings
from archwright.study.time_plan import (
    CLOSING_SECONDS,
    LEAST_FINAL_EPOCHS,
    AvailableTime,
    Budget,
    TimePlan,
    plan_by_minutes,
    plan_by_trials,
    usual_epochs,
)


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
    plan = plan_by_trials(100, epochs, seeds=3, top_k=2, trials=7, budget=budget)
    assert plan == TimePlan(search, final, seeds=3, top_k=2, expected_trials=7, supernet_epochs=epochs or 80)


def test_a_plan_survives_a_round_trip_through_json():
    plan = plan_by_minutes(100, None, 3, 1, AvailableTime(60.0, 2, 2), Budget(), [0.1])
    assert TimePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


MEANS = st.builds(AvailableTime, st.floats(5, 10_000), st.integers(1, 8), st.integers(1, 4))
SHARES = st.sampled_from([Budget(), Budget(0.2, 0.7, 0.1), Budget(0.6, 0.4, 0.0)])


@settings(deadline=None, max_examples=60)
@given(
    MEANS,
    SHARES,
    st.integers(1, 5),
    st.integers(1, 3),
    st.lists(st.floats(0.01, 50), min_size=1, max_size=4),
    st.integers(10, 10**5),
)
def test_by_minutes_the_plan_fits_into_the_time(available, budget, seeds, top_k, epoch_seconds, n_train):
    """The worker-seconds computed independently: the search, then the final trainings in rounds over the workers."""
    plan = plan_by_minutes(n_train, None, seeds, top_k, available, budget, epoch_seconds)
    assert 0 <= available.seconds * available.workers - available.usable <= CLOSING_SECONDS * available.workers
    trainings = available.strategies * top_k * plan.seeds
    rounds = -(-trainings // available.workers)
    assert rounds * plan.final_goal <= budget.final * available.seconds
    assert 1 <= plan.seeds <= seeds
    assert 0.25 <= plan.search_epochs <= plan.final_epochs == usual_epochs(n_train)
    assert plan.epoch_limit >= median_low(epoch_seconds)
    if plan.seeds < seeds:  # only because a final training would otherwise have been too short
        more = available.strategies * top_k * (plan.seeds + 1)
        too_short = budget.final * available.usable / available.workers / -(-more // available.workers)
        assert too_short < max(LEAST_FINAL_EPOCHS, plan.search_epochs) * max(epoch_seconds)


@settings(deadline=None, max_examples=60)
@given(MEANS, SHARES, st.integers(1, 4), st.integers(1, 3), st.floats(0.01, 10))
def test_by_minutes_trainings_on_several_devices_fit_into_the_time(available, budget, devices, top_k, epoch):
    """Computed independently: as many at a time as the workers allow, each for its worker-seconds divided by its devices."""
    several = replace(available, devices=min(devices, available.workers))
    plan = plan_by_minutes(1_000, None, 3, top_k, several, budget, [epoch], [1.5 * epoch])
    trainings = available.strategies * top_k * plan.seeds
    rounds = -(-trainings // (available.workers // several.devices))
    lasts = available.usable / available.workers
    assert rounds * plan.final_goal / several.devices == pytest.approx(budget.final * lasts)
    of_strategy = budget.search * available.usable / available.strategies
    assert plan.supernet_goal == pytest.approx(budget.supernet * min(of_strategy, budget.search * lasts * several.devices))


def test_by_minutes_slower_final_epochs_on_several_devices_are_allowed_for():
    """Communication makes an epoch slower: candidates must be faster, and fewer seeds may fit."""
    available = AvailableTime(1_000.0, 2, 1, devices=2)
    cheap, dear = (plan_by_minutes(1_000, None, 3, 1, available, Budget(), [1.0, 9.0], [t, 9 * t]) for t in (1.0, 80.0))
    assert dear.epoch_limit < cheap.epoch_limit
    assert dear.seeds < cheap.seeds == 3


def test_by_minutes_the_search_is_shared_and_aims_at_twenty_trainings_per_strategy():
    one = plan_by_minutes(1_000, None, 1, 1, AvailableTime(1_000.0, 1, 1), Budget(), [1.0])
    assert one.search_goal == pytest.approx(0.4 * 970 / 20)
    assert one.expected_trials == 20
    two = plan_by_minutes(1_000, None, 1, 1, AvailableTime(1_000.0, 1, 2), Budget(), [1.0])
    assert two.search_goal == pytest.approx(one.search_goal / 2)


def test_by_minutes_a_search_gets_more_trainings_if_they_need_less_than_their_share():
    plan = plan_by_minutes(1_000, 4, 1, 1, AvailableTime(1_000.0, 1, 1), Budget(), [1.0])
    assert plan.expected_trials == round(0.4 * 970 / 4)


def test_search_epochs_fixed_by_hand_have_no_goal_in_seconds():
    plan = plan_by_minutes(1_000, None, 1, 1, AvailableTime(1_000.0, 1, 1), Budget(search_epochs=1.5), [1.0])
    assert (plan.search_epochs, plan.search_goal) == (1.5, None)
    assert plan.expected_trials == round(0.4 * 970 / 1.5)


def test_requested_epochs_limit_the_trainings():
    plan = plan_by_minutes(1_000, 2, 1, 1, AvailableTime(1_000.0, 1, 1), Budget(), [1.0])
    assert (plan.search_epochs, plan.final_epochs) == (2.0, 2.0)
    fixed = plan_by_minutes(1_000, None, 1, 1, AvailableTime(1_000.0, 1, 1), Budget(search_epochs=1.5, final_epochs=7), [1.0])
    assert (fixed.search_epochs, fixed.final_epochs) == (1.5, 7.0)


@settings(deadline=None, max_examples=60)
@given(MEANS, SHARES, st.floats(0.1, 0.9))
def test_by_minutes_a_supernet_fits_into_its_strategys_share_of_the_search(available, budget, share):
    """As a single training it cannot take longer than the search, however many workers there are."""
    plan = plan_by_minutes(1_000, None, 1, 1, available, replace(budget, supernet=share), [1.0])
    lasts, of_strategy = (budget.search * available.usable / number for number in (available.workers, available.strategies))
    assert plan.supernet_goal == pytest.approx(share * min(lasts, of_strategy))
    assert plan.scoring_goal < 0.1 * lasts


@pytest.mark.parametrize("left", [0.0, -30.0])
def test_by_minutes_there_is_a_plan_even_if_measuring_took_all_the_time(left):
    plan = plan_by_minutes(1_000, None, 3, 1, AvailableTime(left, 1, 2), Budget(), [1.0])
    assert plan.seeds == plan.expected_trials == 1
    assert 0 < plan.final_goal < 1


def test_by_minutes_a_supernet_leaves_room_for_three_candidates():
    plan = plan_by_minutes(1_000, None, 1, 1, AvailableTime(1_000.0, 2, 2), Budget(), [0.1])
    assert plan.supernet_goal + 3 * plan.search_goal < 0.4 * 970
    assert plan.supernet_epochs == usual_epochs(1_000)
