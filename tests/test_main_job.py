"""The main job from Python: the arguments of `archwright.search`, and its result."""

import io
import json
import re

import numpy as np
import pytest
import torch
from rich.console import Console

import archwright
from archwright import main_job
from archwright.data.arrays import Arrays
from archwright.data.problem_folder import open_problem
from archwright.errors import InputError, RunFolderError
from archwright.main_job import Result, print_result, rewrite_report
from archwright.search_space.chain import Chain
from archwright.study import run_study

pytestmark = pytest.mark.usefixtures("one_thread_each")


@pytest.fixture
def finished(small_run):
    return Result(small_run.folder, json.loads((small_run.folder / "results.json").read_text()))


@pytest.fixture
def requests(monkeypatch):
    """The requests that would have been run."""
    asked = []

    def run(request):
        asked.append(request)
        return Result(request.folder, {})

    monkeypatch.setattr(main_job, "run", run)
    return asked


def test_the_best_network_is_a_plain_module_that_takes_raw_inputs(finished, small_run, tmp_path):
    best = finished.best
    assert isinstance(best.model, torch.nn.Module)
    assert best.model is best.model
    assert not best.model.training
    test = open_problem(small_run.folder / "data").test.open("a test of archwright's", tmp_path / "log")
    with torch.inference_mode():
        right = best.model(torch.from_numpy(np.array(test.x))).argmax(1).numpy() == test.y
    method = next(m for m in finished.results["methods"] if m["name"] == best.name)
    assert round(float(right.mean()), 6) in [run["value"] for run in method["runs"]]
    assert best.metric == method["mean"]
    assert dict(best.architecture) == method["architecture"]


def test_the_table_and_the_verdict_are_text(finished):
    for method in finished.results["methods"]:
        assert method["name"] in finished.table()
    assert finished.verdict == finished.results["verdict"]["text"]


def test_the_report_is_written_to_the_given_path(finished, tmp_path):
    assert finished.report(tmp_path / "r.html") == tmp_path / "r.html"
    assert "resnet-tiny" in (tmp_path / "r.html").read_text()


def test_without_a_searched_network_there_is_no_best_network(finished, tmp_path):
    only = [m for m in finished.results["methods"] if m["kind"] == "baseline"]
    with pytest.raises(InputError, match="no searched network whose final training completed"):
        _ = Result(tmp_path, {**finished.results, "methods": only}).best


def test_the_printed_result_ends_with_the_paths(finished, capsys):
    print_result(finished)
    out = capsys.readouterr().out
    assert finished.verdict.split(":")[0] in " ".join(out.split())
    assert out.rstrip().endswith(f"model:  {finished.path / 'model'}")
    assert "95 % interval" in out


def test_what_was_left_out_is_printed_verbatim(finished, capsys):
    skipped = [{"name": "resnet50", "reason": "too slow [bold]here[/bold]"}]
    print_result(Result(finished.path, {**finished.results, "skipped": skipped}))
    assert "left out: resnet50: too slow [bold]here[/bold]" in capsys.readouterr().out


def test_a_narrow_terminal_gets_the_columns_that_matter(finished, monkeypatch):
    monkeypatch.setattr("rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=100, no_color=True))
    screen = io.StringIO()
    print_result(finished)
    assert "energy" not in screen.getvalue()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert 50 < max(len(line) for line in lines if line.startswith(("│", "┃"))) <= 100


def test_all_arguments_reach_the_request(requests, tmp_path):
    archwright.search(
        tmp_path / "x.npz",
        space="cell",
        strategy=["random", "local_search"],
        baselines=["vgg"],
        minutes=3,
        out=str(tmp_path / "run"),
        settings={"space.blocks": 2, "train.momentum": 0.5},
        seeds=2,
        objectives=("accuracy", "macs"),
        random=False,
    )
    (request,) = requests
    assert (request.source, request.space, request.strategies) == (tmp_path / "x.npz", "cell", ("random", "local_search"))
    assert request.source_name == str(tmp_path / "x.npz")
    assert (request.baselines, request.minutes, request.trials, request.out) == (("vgg",), 3, None, tmp_path / "run")
    assert request.settings == {"space.blocks": 2, "train.momentum": 0.5}
    assert request.fixed()["settings"] == {"space.blocks": "2", "train.momentum": "0.5"}
    assert (request.seeds, request.objectives, request.random) == (2, ("accuracy", "macs"), False)


def test_an_unknown_option_is_an_error_that_lists_the_known():
    with pytest.raises(InputError, match=r"no option 'trails' \(did you mean 'trials'\?\): it takes space, strategy, baselines"):
        archwright.search("digits", trails=3)


def test_a_space_object_is_requested_by_name_with_all_its_settings(requests):
    archwright.search("digits", space=Chain(width=8, kernel=3), settings={"space.width": 16})
    (request,) = requests
    assert request.space_name == request.fixed()["space"] == "chain"
    settings = request.fixed()["settings"]
    assert (settings["space.width"], settings["space.kernel"], settings["space.stages"]) == ("16", "3", "None")


def test_arrays_are_passed_on_unchanged(requests):
    x, y = np.zeros((4, 3)), np.arange(4)
    archwright.search((x, y))
    archwright.search(Arrays(x=x, y=y, name="mine"))
    assert [request.source_name for request in requests] == ["arrays", "mine"]
    assert all(request.source.x is x and request.source.y is y for request in requests)


@pytest.mark.usefixtures("without_onnx")
def test_arrays_in_memory_are_searched_and_the_same_call_resumes(small_run, tmp_path, monkeypatch):
    with np.load(small_run.source) as file:
        x, y = file["x"], file["y"]
    options = {
        "trials": 1,
        "epochs": 1,
        "seeds": 1,
        "baselines": (),
        "random": False,
        "executor": "serial",
        "out": tmp_path / "run",
    }
    options["settings"] = {"space.width": 4, "space.most_blocks": 1}
    result = archwright.search((x, y), **options)
    assert result.results["problem"]["name"] == "arrays"
    assert [m["name"] for m in result.results["methods"]] == ["regularized_evolution"]
    assert "It is unknown whether the search was worth it, because no baseline was run" in result.verdict
    monkeypatch.setattr(run_study, "make_executor", None)
    assert archwright.search((x, y), **options).results == result.results
    with pytest.raises(RunFolderError, match="belongs to other data"):
        archwright.search((x + 1, y), **options)


def test_a_report_missing_after_a_kill_is_written(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(run_study, "make_executor", None)
    folder = small_run.copy(tmp_path / "run")
    (folder / "report.html").unlink()
    archwright.search(small_run.source, out=folder, **small_run.options)
    assert (folder / "report.html").exists()


def test_a_report_without_a_run_is_refused(tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        rewrite_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_text_gets_a_recurrent_cell_and_baselines_of_its_size(tmp_path):
    (tmp_path / "verse.txt").write_text("How much wood would a woodchuck chuck if a woodchuck could chuck wood?\n" * 15)
    result = archwright.search(
        tmp_path / "verse.txt",
        window=10,
        trials=1,
        epochs=2,
        seeds=1,
        random=False,
        executor="serial",
        settings={"space.nodes": 2, "space.width": 12},
        out=tmp_path / "run",
    )
    problem, methods = result.results["problem"], {m["name"]: m for m in result.results["methods"]}
    assert (problem["task"], problem["metric"], problem["level"]) == ("language_modelling", "bits_per_character", "character")
    assert list(methods) == ["regularized_evolution", "lstm", "gru"]
    sizes = [method["parameters"] for method in methods.values()]
    assert max(sizes) < 1.2 * min(sizes)
    assert result.results["settings"]["space"] == "recurrent"
    assert 0 < result.best.metric < 5
    assert result.best.model(torch.zeros(1, 10, dtype=torch.long)).shape[:2] == (1, 10)
    assert "Sample text" in (tmp_path / "run" / "report.html").read_text()
