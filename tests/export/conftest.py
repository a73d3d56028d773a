"""The tiny trainings of `tests/evaluate`: what leaves the house has been trained there."""

from tests.evaluate.conftest import any_task, job_of, stored, tiny_space

__all__ = ["any_task", "job_of", "stored", "tiny_space"]
