from dataclasses import dataclass

import pytest

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.search_space import SearchSpace


@dataclass(frozen=True)
class Lines(SearchSpace):
    """Authors write `decide` and `build`; the rest is there."""

    def decide(self, choose):
        return choose("width", [1, 2])

    def build(self, description, problem):
        raise NotImplementedError


def test_a_space_has_no_supernet_unless_it_says_how():
    with pytest.raises(InputError, match="space 'lines' has no supernet: for weight sharing use one of cell, chain, enas_macro"):
        Lines().supernet(Problem("toy", "classification", (4,), 2))


def test_a_space_is_named_after_its_class():
    assert Lines().name == "lines"
    assert Lines().reference.endswith(":Lines")
