"""What fits into the minutes: measured and divided; what does not fit is listed with its reason."""

import json

import pytest
from archwright.study.study_plan import (
    Skipped,
    StudyPlan,
    fill_evenly,
    least_baseline_epochs,
    run_probes,
    study_plan_by_minutes,
    study_plan_by_trials,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.evaluate.job import Job, Outcome
from archwright.study.request import Request
from archwright.study.time_plan import Budget


class Measured:
    """An executor that answers each probe with the seconds per epoch given for its key; None could not be measured."""

    workers = 1

    def __init__(self, seconds):
        self.seconds = seconds
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)

    def wait(self, timeout=None):
        job = self.jobs.pop()  # out of order
        seconds = self.seconds[job.key]
        macs = None if job.baseline == "random_forest" else 1000
        if seconds is None:
            return [(job, Outcome("failed", "timed out after 20 s"))]
        return [(job, Outcome("complete", seconds_per_epoch=seconds, macs=macs))]


def probe(key, baseline=None, devices=1):
    return Job(key=key, stage="probe", data="", folder="", seed=0, epochs=1.0, baseline=baseline, devices=devices)


def test_an_epoch_on_several_devices_is_measured_in_worker_seconds():
    jobs = [probe("one"), probe("two", devices=2), probe("none", devices=2)]
    found = run_probes(Measured({"one": 3.0, "two": 2.0, "none": None}), jobs)
    assert [found[job.key].seconds_per_epoch for job in jobs] == [3.0, 4.0, None]


def study_plan(minutes=10.0, space=(1.0,), used=0.0, budget=None, seeds=3, **baselines):
    seconds = {**{f"space{i}": value for i, value in enumerate(space)}, **baselines}
    probes = {"space": [probe(f"space{i}") for i in range(len(space))], **{name: [probe(name, name)] for name in baselines}}
    request = Request("digits", minutes=minutes, baselines=tuple(baselines), seeds=seeds, random=False)
    return study_plan_by_minutes(request, budget or Budget(), 1000, lambda: used, Measured(seconds), probes)


def spent(plan, measured, kept):
    """Worker-seconds that the final trainings and the baselines may take, computed independently."""
    finals = plan.final_goal * plan.seeds * plan.top_k
    needs = [measured[name] * (plan.final_epochs if name != "random_forest" else 1) for name in kept]
    return finals, sum(min(need, plan.baseline_goal) for need in needs) * plan.seeds


def test_by_trials_everything_is_trained():
    request = Request("digits", trials=7, baselines=("vgg",), seeds=4, top_k=2)
    result = study_plan_by_trials(request, Budget(), 1000)
    assert (result.baselines, result.skipped, result.search_until, result.final_until) == (("vgg",), (), None, None)
    assert (result.plan.seeds, result.plan.top_k, result.plan.final_goal, result.plan.epoch_limit) == (4, 2, None, None)


def test_a_plan_survives_a_round_trip_through_json():
    result = study_plan(vgg=0.2, densenet=500.0)
    assert result.skipped
    assert StudyPlan.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_probes_are_matched_in_whatever_order_they_end():
    outcomes = run_probes(Measured({"a": 1.0, "b": 2.0, "c": None}), [probe(key) for key in "abc"])
    assert {key: outcome.seconds_per_epoch for key, outcome in outcomes.items()} == {"a": 1.0, "b": 2.0, "c": None}


def test_stages_end_one_after_the_other_and_time_already_spent_counts():
    fresh, late = study_plan(vgg=0.1), study_plan(vgg=0.1, used=120.0)
    assert 0 < fresh.search_until < fresh.final_until < 600
    assert fresh.search_until == pytest.approx(0.4 * 570, abs=1)
    assert late.search_until == pytest.approx(120 + 0.4 * 451, abs=1)
    assert late.final_until < 600


def test_a_baseline_that_does_not_fit_is_left_out_with_the_estimate():
    result = study_plan(vgg=0.2, resnet50=40.0, densenet=60.0)
    assert result.baselines == ("vgg",)
    assert [skipped.name for skipped in result.skipped] == ["densenet", "resnet50"]
    assert "an epoch takes an estimated 60.0 s" in result.skipped[0].reason


def test_a_baseline_that_trains_as_long_as_the_searched_networks_is_a_fair_comparison():
    """Text: an epoch takes long, and no training gets a quarter of the maximum epochs."""
    fair = study_plan(minutes=20.0, space=(280.0,), seeds=1, lstm=121.7)
    assert fair.baselines == ("lstm",)
    assert fair.plan.baseline_goal / 121.7 > fair.plan.final_goal / 280.0
    assert study_plan(minutes=20.0, space=(100.0,), seeds=1, lstm=121.7).baselines == ()


def test_a_baseline_needs_a_quarter_of_the_epochs_or_as_many_as_the_finals_and_at_least_one():
    plan = study_plan(minutes=10.0, space=(1.0,), seeds=1).plan
    assert least_baseline_epochs(plan, []) == plan.final_epochs / 4
    assert least_baseline_epochs(plan, [plan.final_goal / 3]) == pytest.approx(0.8 * 3)
    assert least_baseline_epochs(plan, [plan.final_goal / 1000, 1e-3]) == plan.final_epochs / 4
    assert least_baseline_epochs(plan, [1e9]) == 1.0


def test_a_baseline_that_could_not_be_measured_is_left_out_with_the_cause():
    result = study_plan(vgg=0.2, googlenet=None)
    assert result.baselines == ("vgg",)
    (skipped,) = result.skipped
    assert skipped.name == "googlenet"
    assert "could not even be measured (timed out after 20 s)" in skipped.reason


def test_seeds_are_reduced_before_methods_and_that_is_reported():
    result = study_plan(minutes=1.0, space=(2.0,), vgg=0.01)
    assert result.plan.seeds < 3
    assert result.skipped == (
        Skipped("seeds", f"3 were requested, but only {result.plan.seeds} fit into the time for final trainings"),
    )
    assert result.baselines == ("vgg",)


def test_without_baselines_their_time_goes_to_the_finals():
    with_slow, without = study_plan(vgg=10_000.0), study_plan()
    assert with_slow.plan.final_goal == pytest.approx(without.plan.final_goal)
    assert without.plan.final_goal == pytest.approx(0.6 * 570 / 3)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(2, 100),
    st.floats(0.05, 5),
    st.dictionaries(st.sampled_from(["vgg", "densenet", "resnet18", "random_forest"]), st.floats(0.01, 50), min_size=1),
)
def test_finals_and_baselines_stay_within_their_shares(minutes, epoch, measured):
    result = study_plan(minutes, (epoch,), **measured)
    plan, kept = result.plan, result.baselines
    if not kept:
        assert len(result.skipped) >= len(measured)
        return
    finals, baselines = spent(plan, measured, kept)
    assert finals + baselines <= 0.6 * 60 * minutes * (1 + 1e-9)
    assert finals >= 0.4 * (60 * minutes - 30) * (1 - 1e-9)
    for name in kept:
        least = measured[name] * (1.0 if name != "random_forest" else 0.25)
        assert least <= plan.baseline_goal * (1 + 1e-9)
    assert {*kept, *(s.name for s in result.skipped)} - {"seeds"} == set(measured)


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


def test_there_is_a_plan_even_if_no_network_could_be_measured():
    result = study_plan(space=(), vgg=0.1)
    assert result.plan.search_epochs > 0
    assert result.baselines == ("vgg",)


@pytest.mark.parametrize("used", [59.0, 60.0, 300.0])
def test_a_run_without_time_left_plans_the_minimum(used):
    result = study_plan(minutes=1.0, used=used, vgg=0.1)
    assert result.plan.seeds == 1
    assert 0 <= result.plan.search_goal < 1
    assert result.plan.expected_trials <= 2
