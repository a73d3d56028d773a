"""The time per epoch is measured by short jobs, in whatever order these end."""

from archwright.evaluate.job import Job, Outcome
from archwright.study.epoch_times import measure_epochs


class Measured:
    """An executor that answers each probe with the seconds per epoch given for its key; None could not be measured."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)

    def wait(self, timeout=None):
        job = self.jobs.pop()  # out of order
        seconds = self.seconds[job.key]
        if seconds is None:
            return [(job, Outcome("failed", "timed out after 20 s"))]
        return [(job, Outcome("complete", seconds_per_epoch=seconds, macs=1000))]


def probe(key, devices=1):
    return Job(key=key, stage="probe", data="", folder="", seed=0, epochs=1.0, devices=devices)


def test_an_epoch_on_several_devices_is_measured_in_worker_seconds():
    jobs = [probe("one"), probe("two", devices=2), probe("none", devices=2)]
    found = measure_epochs(Measured({"one": 3.0, "two": 2.0, "none": None}), {"space": jobs})
    assert [outcome.seconds_per_epoch for outcome in found["space"]] == [3.0, 4.0, None]


def test_probes_are_matched_in_whatever_order_they_end():
    probes = {"space": [probe("a"), probe("b")], "vgg": [probe("c")]}
    found = measure_epochs(Measured({"a": 1.0, "b": 2.0, "c": None}), probes)
    assert {name: [outcome.seconds_per_epoch for outcome in of_one] for name, of_one in found.items()} == {
        "space": [1.0, 2.0],
        "vgg": [None],
    }


def test_a_network_that_could_not_be_measured_keeps_the_cause():
    found = measure_epochs(Measured({"a": None}), {"vgg": [probe("a", devices=2)]})
    assert found == {"vgg": [Outcome("failed", "timed out after 20 s")]}
