from itertools import product
from random import Random

import pytest

from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownAnswer
from archwright.search_space.nasbench201 import OPERATIONS, NASBench201

SPACE = NASBench201()
FORM = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"


@pytest.fixture(scope="module")
def architectures():
    return list(SPACE.enumerate())


def test_the_benchmarks_sizes(architectures):
    assert SPACE.count() == len(architectures) == 15_625
    assert SPACE.count_distinct() == 6_466
    assert SPACE.published().value == 15_625


def test_every_string_of_the_benchmark_is_one_architecture(architectures):
    strings = {FORM.format(*operations) for operations in product(OPERATIONS, repeat=6)}
    assert {SPACE.to_string(architecture) for architecture in architectures} == strings
    for text in sorted(strings)[::50]:
        assert SPACE.to_string(SPACE.from_string(text)) == text


def test_a_string_by_hand():
    cell = SPACE.describe(SPACE.from_string("|none~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|"))
    assert [node.inputs for node in cell.nodes] == [(0,), (0, 1), (0, 1, 2)]
    assert [node.operations for node in cell.nodes] == [
        ("none",),
        ("skip_connect", "nor_conv_1x1"),
        ("nor_conv_3x3", "avg_pool_3x3", "none"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|none~0|+|none~0|none~1|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~3|",
        "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+",
    ],
)
def test_other_strings_are_refused(text):
    with pytest.raises(UnknownAnswer):
        SPACE.from_string(text)


SHORT = {"n": "none", "s": "skip_connect", "1": "nor_conv_1x1", "3": "nor_conv_3x3", "p": "avg_pool_3x3"}


def canonical(letters):
    return SPACE.canonical(SPACE.from_string(FORM.format(*(SHORT[letter] for letter in letters))))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("s nn 31n", "s nn 13n", True),  # the sum does not depend on its order
        ("n n3 snn", "n nn spn", True),  # an operation on zeros is zeros
        ("3 nn snn", "p nn snn", True),  # unread nodes do not matter
        ("s nn 3nn", "s nn n3n", True),  # a skip of the input is the input
        ("n nn 3nn", "n nn 1nn", False),
        ("3 nn nsn", "3 nn nnn", False),
        ("3 ps nss", "3 ps nns", False),
    ],
)
def test_the_benchmarks_reduction_by_hand(one, other, same):
    assert (canonical(one.replace(" ", "")) == canonical(other.replace(" ", ""))) == same


@pytest.mark.parametrize(("shape", "message"), [((7,), "use space 'chain'"), ((1, 3, 8), "a side below 4")])
def test_data_that_it_cannot_take(shape, message):
    with pytest.raises(InputError, match=message):
        SPACE.for_problem(Problem("toy", "classification", shape, outputs=2))


def test_a_description_is_the_same_for_the_same_answers():
    architecture = SPACE.sample(Random(0))
    assert SPACE.describe(architecture) == SPACE.describe(SPACE.architecture(dict(architecture.answers)))
