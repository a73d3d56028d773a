import pytest
import torch

from archwright.errors import InputError
from archwright.train.failure import Diverged, TimedOut, cause_of, is_machine_fault, is_out_of_memory


def raised(function):
    with pytest.raises(Exception) as error:  # noqa: PT011
        function()
    return error.value


def stumble():
    raise KeyError("width")


def test_the_cause_of_an_error_in_code_names_its_place():
    cause = cause_of(raised(stumble))
    assert cause.startswith("KeyError: 'width' (")
    assert cause.endswith(f"test_failure.py:{stumble.__code__.co_firstlineno + 1})")


def test_an_error_inside_a_library_is_reported_where_the_library_was_called():
    cause = cause_of(raised(lambda: torch.nn.Linear(3, 3)(torch.zeros(2, 4))))
    assert "RuntimeError: mat1 and mat2 shapes cannot be multiplied" in cause
    assert "test_failure.py:" in cause


def test_out_of_memory_is_distinguished_from_other_errors():
    errors = [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: x"),
    ]
    assert all(is_out_of_memory(error) for error in errors)
    assert all(cause_of(error).startswith("out of memory: ") for error in errors)
    assert cause_of(MemoryError()) == "out of memory: no memory left"
    assert not is_out_of_memory(RuntimeError("shapes"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_real_allocation_that_fails_is_out_of_memory():
    assert is_out_of_memory(raised(lambda: torch.empty(2**60)))


def test_failures_of_a_training_have_plain_causes():
    assert cause_of(Diverged("training loss was nan in epoch 2")) == "diverged: training loss was nan in epoch 2"
    assert cause_of(TimedOut("timed out after 3 s")) == "timed out after 3 s"
    assert cause_of(InputError("give a depth")) == "give a depth"


def test_machine_faults_are_recognised():
    assert is_machine_fault(OSError("stale file handle"))
    assert is_machine_fault(RuntimeError("CUDA error: an illegal memory access"))
    assert not is_machine_fault(TimedOut("timed out"))
    assert not is_machine_fault(ValueError("x"))
