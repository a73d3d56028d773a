import json
from pathlib import Path

import pytest

from archwright.errors import InputError, UnknownSetting
from archwright.study.request import DEFAULT_TRIALS, Request


def test_without_a_limit_a_default_number_of_trials_is_used():
    assert (Request("digits").trials, Request("digits").minutes) == (DEFAULT_TRIALS, None)
    assert Request("digits", minutes=4.0).trials is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"trials": 3, "minutes": 3.0}, "both trials and minutes"),
        ({"trials": 0}, "trials is 0: give a number above zero"),
        ({"minutes": float("nan")}, "minutes is nan"),
        ({"minutes": float("inf")}, "minutes is inf"),
        ({"epochs": -1}, "epochs is -1"),
        ({"top_k": 0}, "top_k is 0"),
        ({"seeds": 0}, "seeds is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"timeout": -2.0}, "timeout is -2.0"),
        ({"memory": 0.0}, "memory is 0.0"),
        ({"seed": -1}, "seed is -1: give a whole number of at least 0"),
        ({"strategies": ()}, "no strategy was given"),
        ({"strategies": ("random", "random")}, "the strategies list random more than once"),
        ({"baselines": ("vgg", "vgg")}, "the baselines list vgg more than once"),
    ],
)
def test_invalid_requests_are_errors(wrong, told):
    with pytest.raises(InputError, match=told):
        Request("digits", **wrong)


@pytest.mark.parametrize(
    ("strategies", "random", "searched"),
    [
        (("local_search",), True, ("local_search", "random")),
        (("local_search",), False, ("local_search",)),
        (("random",), True, ("random",)),
        (("random", "local_search"), True, ("random", "local_search")),
    ],
)
def test_random_search_is_added_unless_it_is_named_or_switched_off(strategies, random, searched):
    assert tuple(Request("digits", strategies=strategies, random=random).all_strategies) == searched


@pytest.mark.parametrize(
    ("request_", "folder"),
    [
        (Request("digits"), "runs/digits-chain-regularized_evolution"),
        (Request("/data/my sheets.npz", space="cell"), "runs/my_sheets-cell-regularized_evolution"),
        (Request("../../up.csv", space="mine:Own", strategies=("random", "optuna:tpe")), "runs/up-mine_Own-random+optuna_tpe"),
        (Request("images/"), "runs/images-chain-regularized_evolution"),
        (Request("digits", out=Path("somewhere")), "somewhere"),
    ],
)
def test_the_folder_is_named_after_source_space_and_strategy(request_, folder):
    assert request_.with_usual("chain", ()).folder == Path(folder)


@pytest.mark.parametrize("source", ["..", ".", "/"])
def test_no_source_name_leads_out_of_the_runs_folder(source):
    assert Request(source).folder.resolve().parent == Path("runs").resolve()


SETTINGS = {"space.width": "8", "strategy.population_size": "4", "train.momentum": "0.5", "mine.mod:Cls.size": "1"}


def test_settings_are_passed_to_their_owners():
    request = Request("digits", settings=SETTINGS)
    assert request.settings_for("space") == {"width": "8"}
    assert request.settings_for("regularized_evolution", "strategy") == {"population_size": "4"}
    assert request.settings_for("mine.mod:Cls") == {"size": "1"}
    assert request.settings_for("budget") == {}


@pytest.mark.parametrize(
    ("strategies", "key", "known"),
    [
        (("random",), "width", "space., train., budget., random., strategy."),
        (("random",), "local_search.steps", "space."),
        (("random", "local_search"), "strategy.steps", "random., local_search."),
        (("random",), "Space.width", "space."),
    ],
)
def test_a_setting_without_a_known_owner_is_an_error_that_lists_the_owners(strategies, key, known):
    with pytest.raises(UnknownSetting, match=key) as told:
        Request("digits", strategies=strategies, settings={key: "1"}).check_settings()
    assert known in str(told.value)


def test_a_setting_given_under_both_of_its_names_is_an_error():
    settings = {"strategy.sample_size": "2", "regularized_evolution.sample_size": "3"}
    with pytest.raises(UnknownSetting, match="the same setting"):
        Request("digits", settings=settings).check_settings()
    Request("digits", settings={"strategy.sample_size": "2", "regularized_evolution.population_size": "3"}).check_settings()


def test_the_fixed_fields_are_json_without_what_may_change():
    one = Request("digits", trials=3, workers=1, out=Path("a"), settings={"b": "2", "a": "1"}, target=("y",))
    two = Request("digits", trials=9, workers=2, executor="serial", out=Path("b"), settings={"a": "1", "b": "2"}, target=("y",))
    assert one.fixed() == two.fixed() == json.loads(json.dumps(one.fixed()))
    assert not {"trials", "minutes", "workers", "executor", "out"} & set(one.fixed())
    assert one.fixed() != Request("digits", trials=3, settings={"a": "1"}, target=("y",)).fixed()


def test_defaults_suit_the_data():
    usual = Request("text.txt").with_usual("recurrent", ("lstm", "gru"))
    assert (usual.space, usual.baselines) == ("recurrent", ("lstm", "gru"))
    own = Request("text.txt", space="mine:Own", baselines=()).with_usual("recurrent", ("lstm", "gru"))
    assert (own.space, own.baselines) == ("mine:Own", ())
