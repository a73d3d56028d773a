from archwright.architecture.labelled_graph import LabelledGraph
from archwright.search_strategy.surrogates.weisfeiler_lehman import weisfeiler_lehman_counts

TWO_ROADS = LabelledGraph(("in", "conv", "conv", "pool", "out"), ((0, 1), (0, 2), (1, 3), (3, 4), (2, 4)))
"""in -> conv -> pool -> out, and in -> conv -> out."""


def test_two_iterations_by_hand():
    counts = weisfeiler_lehman_counts(TWO_ROADS, 2)
    assert counts[0] == {"in": 1, "conv": 2, "pool": 1, "out": 1}
    assert counts[1] == {"in()": 1, "conv(in)": 2, "pool(conv)": 1, "out(conv, pool)": 1}
    assert counts[2] == {"in()()": 1, "conv(in)(in())": 2, "pool(conv)(conv(in))": 1, "out(conv, pool)(conv(in), pool(conv))": 1}


def test_the_order_of_nodes_does_not_matter():
    turned = LabelledGraph(("out", "pool", "conv", "conv", "in"), ((4, 3), (4, 2), (3, 1), (1, 0), (2, 0)))
    assert weisfeiler_lehman_counts(turned, 2) == weisfeiler_lehman_counts(TWO_ROADS, 2)


def test_iterations_see_what_labels_alone_do_not():
    """The same labels, but the pool comes first."""
    other = LabelledGraph(("in", "conv", "conv", "pool", "out"), ((0, 3), (3, 1), (1, 4), (0, 2), (2, 4)))
    ours, theirs = weisfeiler_lehman_counts(TWO_ROADS, 1), weisfeiler_lehman_counts(other, 1)
    assert ours[0] == theirs[0]
    assert (ours[1] & theirs[1]) == {"in()": 1, "conv(in)": 1}
