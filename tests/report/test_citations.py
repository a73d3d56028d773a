"""The papers that a run cites: those of its space, strategies, options and baselines, each found where the part names them."""

import re
from dataclasses import replace

import pytest

from archwright.network.baselines import baseline_names
from archwright.one_shot import one_shot_names
from archwright.papers import Note, Paper, bibliography
from archwright.report.citations import (
    ALWAYS,
    OF_OPTIONS,
    bibtex,
    papers_behind,
    papers_of_baseline,
    papers_of_options,
    papers_of_space,
    papers_of_strategy,
)
from archwright.report.page import page
from archwright.report.report_data import Supernet
from archwright.search_space import space_names
from archwright.search_strategy import strategy_names

PARTS = [
    *((papers_of_space, name) for name in space_names()),
    *((papers_of_strategy, name) for name in (*strategy_names(), *one_shot_names())),
    *((papers_of_baseline, name) for name in baseline_names()),
]


def keys(papers):
    return [paper.key for paper in papers]


@pytest.mark.parametrize(("papers", "name"), PARTS, ids=[name for _, name in PARTS])
def test_every_part_has_a_paper(papers, name):
    found = papers(name)
    assert found
    assert all(isinstance(paper, Paper) for paper in found)
    for paper in found:
        assert f"{{{paper.key},\n" in bibtex(found)


def test_every_paper_in_the_file_is_cited_by_a_part_an_option_or_every_run(data):
    cited = {paper.key for papers, name in PARTS for paper in papers(name)}
    assert set(bibliography()) == {*cited, *OF_OPTIONS.values(), *ALWAYS, *keys(papers_behind(data))}


@pytest.mark.parametrize(
    ("name", "paper"),
    [
        ("darts", "liu2019"),
        ("darts_second_order", "liu2019"),
        ("pc_darts", "xu2020"),
        ("gdas", "dong2019"),
        ("snas", "xie2019"),
        ("single_path_uniform", "guo2020"),
        ("random_weight_sharing", "li2020random"),
        ("reinforce", "zoph2017"),
        ("progressive", "liu2018"),
        ("predictor_guided", "white2021bananas"),
        ("optuna:tpe", "bergstra2011"),
    ],
)
def test_a_strategy_has_the_paper_that_introduced_it(name, paper):
    assert f"{{{paper}," in bibtex(papers_of_strategy(name))


def test_each_paper_of_a_run_is_cited_once(make_data):
    text = bibtex(papers_behind(make_data()))
    for key in ("archwright", "real2019", "white2021", "he2016", "breiman2001", "lindauer2020", "hesterberg2015"):
        assert text.count("{" + key + ",") == 1
    assert "huang2017" not in text


def test_a_sampler_of_optuna_cites_its_own_paper_and_optunas():
    assert keys(papers_of_strategy("optuna:nsgaii")) == ["deb2002", "akiba2019"]
    assert keys(papers_of_strategy("optuna:bruteforce")) == ["akiba2019"]


def test_the_random_forest_is_not_random_search():
    assert keys(papers_of_baseline("random_forest")) == ["breiman2001"]


def test_the_strategy_and_the_discretization_called_progressive_have_different_papers():
    option = Supernet({"settings": {}, "discretization": {"method": "progressive"}})
    assert "li2020" not in keys(papers_of_strategy("progressive"))
    assert keys(papers_of_options(option)) == ["li2020"]


def test_the_papers_behind_options_are_cited(one_shot_data):
    record = one_shot_data.supernets["darts"].record
    assert papers_of_options(Supernet(record)) == ()
    settings = {"auxiliary_skip": True, "relaxation": "sparsemax"}
    discretization = {**record["discretization"], "method": "perturbation"}
    changed = Supernet({**record, "settings": settings, "discretization": discretization})
    found = page(replace(one_shot_data, supernets={"darts": changed}))
    for key in ("wang2021", "chu2021", "martins2016", "liu2019"):
        assert f"{{{key}," in found
    assert "{wang2021," not in page(one_shot_data)


PLUG_IN = '''
class Told:
    """Proposes what it is told."""
    paper = "Smith & Wesson 2026, 100 % told"
    def propose(self, space, history, rng): ...

def linear(problem): ...
linear.paper = "he2016"

class Silent(Told):
    paper = None
'''


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    (tmp_path / "told_parts.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(tmp_path)
    return "told_parts"


def test_a_plug_ins_paper_may_be_plain_text(plug_in):
    assert papers_of_strategy(f"{plug_in}:Told") == (Note(f"{plug_in}:Told", "Smith & Wesson 2026, 100 % told"),)
    assert r"note = {Smith \& Wesson 2026, 100 \% told}" in bibtex(papers_of_strategy(f"{plug_in}:Told"))


def test_a_plug_in_may_name_a_paper_of_the_file_or_none(plug_in):
    assert keys(papers_of_baseline(f"{plug_in}:linear")) == ["he2016"]
    assert papers_of_strategy(f"{plug_in}:Silent") == ()


@pytest.mark.parametrize("papers", [papers_of_space, papers_of_strategy, papers_of_baseline])
def test_a_part_that_is_not_installed_is_not_dropped(papers):
    (note,) = papers("nowhere:Lost")
    assert re.search(r"@misc\{nowhere:Lost,\n +note = \{.*nowhere:Lost.*not installed", bibtex([note]))
