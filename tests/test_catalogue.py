import json

import pytest

from archwright.catalogue import catalogue, space_description, strategy_description
from archwright.errors import UnknownName


@pytest.mark.parametrize("what", ["spaces", "strategies", "datasets", "baselines"])
def test_every_entry_has_a_name_and_a_one_line_summary_and_is_json(what):
    rows = catalogue(what)
    assert json.loads(json.dumps(rows)) == rows
    assert len({row["name"] for row in rows}) == len(rows) > 2
    assert all(row["summary"] and "\n" not in row["summary"] for row in rows)


def test_an_unknown_list_is_an_error_that_names_the_known_ones():
    with pytest.raises(UnknownName, match=r"'space'.*spaces, strategies, datasets, baselines"):
        catalogue("space")


def test_descriptions_contain_the_given_settings():
    assert space_description("cell", {"cells": "1"})["settings"]["cells"] == 1
    assert strategy_description("regularized_evolution", {"population_size": "7"})["settings"]["population_size"] == 7
    assert strategy_description("darts", {"warmup": "0.25"})["settings"]["warmup"] == 0.25


def test_one_shot_methods_are_strategies_with_their_papers():
    rows = {row["name"]: row["summary"] for row in catalogue("strategies")}
    assert {"darts", "gdas", "single_path_uniform", "random", "optuna:tpe"} <= set(rows)
    assert "arXiv:1806.09055" in strategy_description("darts", {})["paper"]
