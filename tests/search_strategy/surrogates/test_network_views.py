from random import Random

import numpy as np
import pytest

from archwright.search_space import make_space
from archwright.search_strategy.surrogates.network_views import (
    FEATURES,
    GRAPH,
    UNSEEN_DEVIATION,
    Block,
    ExactArchitecture,
    NetworkView,
    cached_key,
)


def networks(space, count=40):
    rng = Random(3)
    return [space.sample(rng) for _ in range(count)]


@pytest.mark.parametrize("view", [FEATURES, GRAPH])
@pytest.mark.parametrize("name", ["nasbench201", "cell", "chain", "enas_macro", "recurrent"])
def test_the_similarity_of_two_networks_does_not_depend_on_the_others(view, name):
    space = make_space(name)
    many = networks(space)
    few, all_of_them = view.rows(space, many[:2]), view.rows(space, many)
    hyper = np.zeros(2 * len(view.forms) + 1)
    for form, one, other in zip(
        view.forms,
        view.kernel.summands(view.kernel.compare(few, few), hyper),
        view.kernel.summands(view.kernel.compare(all_of_them, all_of_them), hyper),
        strict=True,
    ):
        assert one == pytest.approx(other[:2, :2], abs=1e-9), form


def test_sizes_have_variance_one_over_random_networks_and_a_mean_square_of_one_in_all():
    space = make_space("nasbench201")
    sizes = FEATURES.reference(space)[1]
    assert sizes.mean(axis=0) == pytest.approx(np.zeros(7), abs=1e-9)
    assert sizes.std(axis=0) == pytest.approx(np.full(7, 7**-0.5))


def test_graphs_are_rows_of_length_one():
    for block in GRAPH.rows(make_space("nasbench201"), networks(make_space("nasbench201"))):
        assert np.linalg.norm(block, axis=1) == pytest.approx(np.ones(len(block)))


def test_what_no_random_network_has_weighs_as_if_one_of_them_had_it(toy):
    def read(space, architecture):
        return (Block({"new": 1.0} if architecture is strange else {}, {"new": 0.5}),)

    view, space = NetworkView(read, ("rbf",), ("variation",)), toy.spaces["flat"]
    strange = space.sample(Random(99))
    assert view.rows(space, [strange, *networks(space, 3)])[0][:, 0] == pytest.approx([0.5 / UNSEEN_DEVIATION, 0, 0, 0])


def test_columns_have_a_deviation_equal_to_their_weight(toy):
    weights = {"often": 1.0, "less": 0.25}

    def read(space, architecture):
        first = hash(architecture) % 3
        return (Block({"often": first, "less": 7.0 * first}, weights),)

    space = toy.spaces["flat"]
    (rows,) = NetworkView(read, ("rbf",), ("variation",)).reference(space)
    assert rows.std(axis=0) == pytest.approx(np.array([0.25, 1.0]) / 2**0.5)


def test_the_cache_distinguishes_1_from_true(toy):
    space = toy.spaces["flat"]
    one, true = (space.architecture({f"{i}/op": option for i in range(8)}) for option in (1, True))
    assert one == true  # in Python
    assert cached_key(space, ExactArchitecture.of(one)) != cached_key(space, ExactArchitecture.of(true))
    (rows, *_) = FEATURES.rows(space, [one, true])
    assert (rows[0] != rows[1]).any()
