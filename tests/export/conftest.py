"""The tiny trainings of `tests/evaluate`, whose networks are exported here."""

from tests.evaluate.conftest import any_task, job_of, stored, tiny_space

__all__ = ["any_task", "job_of", "stored", "tiny_space"]
