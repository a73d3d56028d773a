import pytest

from archwright.ledger.ledger import Ledger
from archwright.study.utilization import Utilization, idle_shares, store_utilization


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_training_counts_for_all_workers_that_it_takes(clock):
    utilization = Utilization(4, clock)
    utilization.begins("wide", 2)
    utilization.begins("slim", 1)
    clock.now += 10
    utilization.ends("slim")
    clock.now += 10
    utilization.ends("wide")
    assert utilization.to_json() == {"available": 80.0, "busy": 50.0}
    assert utilization.idle_share == pytest.approx(3 / 8)
    assert utilization.trainings == 2


def test_trainings_begun_before_the_measurement_do_not_count(clock):
    utilization = Utilization(1, clock)
    clock.now += 1
    utilization.ends("unknown")
    assert utilization.to_json() == {"available": 1.0, "busy": 0.0}


def test_starts_and_coordinators_of_a_run_are_summed(clock, tmp_path):
    def half_an_hour_of(busy):
        utilization = Utilization(1, clock)
        utilization.begins("job", 1)
        clock.now += busy
        utilization.ends("job")
        clock.now += 1800 - busy
        return utilization

    url = f"journal:{tmp_path / 'ledger'}"
    with Ledger.open(url, tmp_path, "run") as ours, Ledger.open(url, tmp_path, "run") as theirs:
        store_utilization("search", half_an_hour_of(1800), ours)
        store_utilization("search", half_an_hour_of(900), ours)
        store_utilization("search", half_an_hour_of(0), theirs)
        store_utilization("final", half_an_hour_of(1800), theirs)
        assert idle_shares(ours) == {"search": pytest.approx(0.5), "final": 0.0}


def test_without_time_the_idle_share_is_zero(tmp_path, clock):
    assert Utilization(2, clock).idle_share == 0.0
