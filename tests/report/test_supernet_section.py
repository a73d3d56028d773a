"""The section of the page on a one-shot strategy."""

import re

import pytest

from archwright.report.page import page
from archwright.report.report_data import Supernet
from archwright.report.supernet_section import MOST_MAPS, sections


def changed(data, **record):
    """The run with changed content in one_shot.json."""
    supernet = data.supernets["darts"]
    fields = {name: getattr(data, name) for name in type(data).__dataclass_fields__}
    return type(data)(**{**fields, "supernets": {"darts": Supernet({**supernet.record, **record}, supernet.description)}})


def section_of(html):
    return html[html.index('<section id="supernet-') :].partition("</section>")[0]


@pytest.fixture(scope="module")
def html(one_shot_data):
    return page(one_shot_data)


def test_the_section_has_all_its_parts(html):
    section = section_of(html)
    for part in (
        "The supernet of darts",
        "discretization gap",
        "Kendall",
        "Discretized architecture",
        "snapshot",
        "Entropy is 1",
    ):
        assert part in section
    assert section.count("<figcaption>") == 3  # one heat map per edge
    assert section.count("<svg") == 3 + 2 + 2 + 1 + 1  # and two learning curves, two of diagnostics, one drawing, shares
    assert "controller" not in section
    assert "Normal cell" in section or "Cell" in section
    assert "The alphas are still about where they began" in section


def test_the_contents_lead_to_it_and_ids_are_its_own(html):
    (identity,) = re.findall(r'<section id="(supernet-\d+)"', html)
    assert f'href="#{identity}">Supernet of darts<' in html
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))


def test_a_run_without_a_one_shot_method_has_no_such_section(data):
    assert sections(data) == []
    assert "supernet" not in page(data)


def test_a_supernet_that_ended_before_its_first_epoch_has_a_section_without_pictures(one_shot_data):
    section = section_of(page(changed(one_shot_data, epochs=[], discretization=None)))
    assert "<svg" not in section
    assert "None" not in section


def test_a_supernet_that_ended_before_it_was_discretized_shows_its_epochs(one_shot_data):
    section = section_of(page(changed(one_shot_data, discretization=None)))
    assert "Discretized architecture" not in section
    assert section.count("<figcaption>") == 3


def test_a_search_by_single_paths_shows_no_weights(one_shot_data):
    record = one_shot_data.supernets["darts"].record
    section = section_of(page(changed(one_shot_data, discretization={**record["discretization"], "supernet_score": None})))
    assert "Best architecture found" in section
    assert "a path drawn at random" in section
    for learned in ("discretized", "Entropy", "<figcaption>", "snapshot"):
        assert learned not in section.partition("<h3>")[2]


def test_only_the_first_of_many_edges_are_drawn(one_shot_data):
    record = one_shot_data.supernets["darts"].record
    edges = [{**record["edges"][0], "name": f"edge {i}"} for i in range(MOST_MAPS + 5)]
    epochs = [{**entry, "weights": [entry["weights"][0]] * len(edges)} for entry in record["epochs"]]
    (section,) = sections(changed(one_shot_data, edges=edges, epochs=epochs))
    assert (len(section["maps"]), section["more_maps"]) == (MOST_MAPS, 5)


def test_hostile_names_are_escaped(one_shot_data):
    evil = '<script>alert("x")</script>'
    edges = [{**edge, "name": evil, "candidates": [evil] * 3} for edge in one_shot_data.supernets["darts"].edges]
    section = section_of(page(changed(one_shot_data, edges=edges, stopped=evil)))
    assert "<script" not in section
    assert "&lt;script&gt;" in section


def test_a_controllers_search_shows_its_rewards_and_what_it_drew(one_shot_data, controlled):
    section = section_of(page(changed(one_shot_data, **controlled.record)))
    for part in (
        "Architecture derived from the controller",
        "<h3>Controller</h3>",
        "moving average",
        "the only one validated",
        "nats",
    ):
        assert part in section
    assert section.count("<svg") == 3 + 2 + 2 + 2 + 1 + 1
    shares = re.findall(r"</span>([^<]*) <span class=.number.>(\d+) %", section)
    assert [name for name, _ in shares] == ["nor_conv_3x3", "skip_connect", "none"]
    assert sum(int(share) for _, share in shares) == pytest.approx(100, abs=1)
