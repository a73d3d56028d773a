"""The data of a report is read from a finished run."""

import json
import shlex
import shutil

import numpy as np
import pytest

from archwright.architecture.cell_graph import CellGraph
from archwright.errors import RunFolderError
from archwright.evaluate.job import Outcome
from archwright.ledger.row import Row
from archwright.network.chain_description import Chain
from archwright.report.gather import _budget, gather
from archwright.report.page import page


@pytest.fixture(scope="module")
def gathered(small_run):
    return gather(small_run.folder)


def test_every_row_of_the_table_is_there_with_its_place_in_time(gathered):
    assert [int(row["number"]) for row in gathered.rows] == list(range(14))
    for strategy in ("regularized_evolution", "random"):
        own = [row for row in gathered.rows if (row["stage"], row["strategy"]) == ("search", strategy)]
        assert [row["sequence"] for row in own] == [0, 1, 2]
        assert [row["elapsed"] for row in own] == pytest.approx(np.cumsum([float(row["seconds"]) for row in own]))
    assert {row["elapsed"] for row in gathered.rows if row["stage"] != "search"} == {None}


def test_each_method_has_one_learning_curve_per_seed(gathered):
    epochs = {name: [len(curve) for curve in curves] for name, curves in gathered.curves.items()}
    assert epochs == {"regularized_evolution": [4, 4], "random": [4, 4], "random_forest": [1, 1], "resnet-tiny": [4, 4]}
    assert gathered.curves["resnet-tiny"][0] != gathered.curves["resnet-tiny"][1]


def test_the_best_architecture_is_described_for_drawing(gathered, small_run):
    saved = json.loads((small_run.folder / "model" / "architecture.json").read_text())
    assert gathered.architecture["answers"] == saved["answers"]
    assert isinstance(gathered.description, Chain)


def test_the_cost_of_the_run_and_the_accuracy_of_chance(gathered, small_run):
    assert [part.name for part in gathered.budget] == ["search", "final", "baselines"]
    assert {part.planned_seconds for part in gathered.budget} == {None}
    for part, stage in zip(gathered.budget, ("search", "final", "baseline"), strict=True):
        own = [float(row["seconds"]) for row in gathered.rows if row["stage"] == stage]
        assert part.used_seconds == pytest.approx(sum(own))
    y = np.load(small_run.folder / "data" / "train" / "y.npy")
    assert gathered.chance == pytest.approx(max(np.mean(y == kind) for kind in range(4)))
    assert len(gathered.accesses) == 8


def test_trainings_on_several_devices_count_for_all_of_them():
    def row(stage, number, devices, seconds):
        outcome = Outcome("complete", seconds=seconds, devices=devices)
        return Row(stage, "darts", run_number=number, number=number, state="complete", outcome=outcome)

    rows = [row("supernet", 0, 2, 10.0), row("search", 1, 1, 3.0), row("final", 2, 2, 5.0)]
    shares = {"search": 0.4, "final": 0.4, "baselines": 0.2}
    used = {part.name: part.used_seconds for part in _budget({"minutes": None, "workers": 2, "budget": shares}, rows)}
    assert used == {"search": 23.0, "final": 10.0, "baselines": 0.0}


def test_the_command_continues_the_run(gathered, small_run, monkeypatch, capsys):
    from archwright.cli import main
    from archwright.study import run_study

    monkeypatch.chdir(small_run.folder.parent)
    monkeypatch.setattr(run_study, "make_executor", None)
    monkeypatch.setattr("sys.argv", shlex.split(gathered.command))
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (None, "")


def test_the_page_can_be_made_of_it(gathered):
    assert "resnet-tiny" in page(gathered)


@pytest.mark.parametrize(("missing", "message"), [("run.json", "holds no run"), ("results.json", "is not finished")])
def test_a_folder_without_a_finished_run_is_refused(small_run, tmp_path, missing, message):
    folder = small_run.copy(tmp_path / "run")
    (folder / missing).unlink()
    with pytest.raises(RunFolderError, match=message):
        gather(folder)
    shutil.rmtree(folder)
    with pytest.raises(RunFolderError, match="holds no run"):
        gather(folder)


def test_the_record_of_a_supernet_is_there_with_the_architecture_to_draw(one_shot_run):
    found = gather(one_shot_run.folder)
    (supernet,) = found.supernets.values()
    assert list(found.supernets) == ["darts"]
    assert len(supernet.epochs) == 3
    assert {len(entry["weights"]) for entry in supernet.epochs} == {len(supernet.edges)} == {6}
    assert isinstance(supernet.description, CellGraph)


def test_the_time_of_a_supernet_comes_before_its_candidates_and_counts_as_search(one_shot_run):
    found = gather(one_shot_run.folder)
    seconds = found.results["methods"][0]["one_shot"]["supernet_seconds"]
    own = [row for row in found.rows if (row["stage"], row["strategy"]) == ("search", "darts")]
    assert own[0]["elapsed"] == pytest.approx(seconds + float(own[0]["seconds"]))
    search = sum(float(row["seconds"]) for row in found.rows if row["stage"] == "search")
    used = {part.name: part.used_seconds for part in found.budget}
    assert used["search"] == pytest.approx(seconds + search)
    assert used["scores with shared weights"] > 0


def test_learning_curves_are_those_of_final_trainings_not_of_supernets(one_shot_run):
    found = gather(one_shot_run.folder)
    assert {name: [len(curve) for curve in curves] for name, curves in found.curves.items()} == {"darts": [3], "random": [3]}
    assert "The supernet of darts" in page(found)
