"""The entry of a one-shot method in results.json, even if its supernet did not get far."""

import json
from random import Random

import pytest

from archwright.evaluate.history import Objective, key_of
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.search_space import make_space
from archwright.study.one_shot_results import failed_supernets, one_shot_json, record_of
from archwright.study.run_folder import RunFolder
from archwright.study.shared_weight_scores import STAGE
from archwright.study.supernet_search import SupernetSearch

SPACE = make_space("nasbench201")
ARCHITECTURES = [SPACE.sample(Random(i)) for i in range(6)]
RECORD = {
    "discretization": {
        "method": "perturbation",
        "supernet_score": 0.8,
        "discretized_score": 0.6,
        "architecture": ARCHITECTURES[2].to_json(),
    },
    "stopped": "the order of candidates stood still for 5 epochs",
    "notes": ["half of the connections are skip connections"],
}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open("memory:", tmp_path, "run") as ledger:
        ledger.history("darts", (Objective("accuracy", True),))
        yield ledger


def trained(ledger, folder, record, state="complete", cause=""):
    search = SupernetSearch("darts", ledger, 8.0)
    row = ledger.finish(search.begin(0), state, Outcome(state, cause, seconds=30.0))
    if record is not None:
        folder.training_of(row).mkdir(parents=True)
        (folder.training_of(row) / "one_shot.json").write_text(json.dumps(record))
    return search


def candidates(ledger, count, **scratch):
    """Candidates trained from scratch, with shared-weight scores in the same order."""
    rows = []
    for i, architecture in enumerate(ARCHITECTURES[:count]):
        row = ledger.begin(Row(stage="search", strategy="darts", architecture=architecture, key=key_of(SPACE, architecture)))
        value = scratch.get("value", 0.1 * i)
        rows.append(ledger.finish(row, "complete", Outcome("complete", metrics={"accuracy": value}), scores=(value,)))
    found = tuple({"architecture": a.to_json(), "score": 0.05 * i, "epoch": 8.0} for i, a in enumerate(ARCHITECTURES[:count]))
    row = ledger.begin(Row(stage=STAGE, strategy="darts", key="scored", extra={"candidates": [row.run_number for row in rows]}))
    ledger.finish(row, "complete", Outcome("complete", found=found))


def told(search, ledger, folder):
    return one_shot_json(search, SPACE, "accuracy", ledger, folder)


def test_the_entry_of_a_successful_search_is_complete(ledger, folder):
    search = trained(ledger, folder, RECORD)
    candidates(ledger, 6)
    assert told(search, ledger, folder) == {
        "supernet_score": 0.8,
        "discretized_score": 0.6,
        "from_scratch_score": 0.2,
        "discretization": "perturbation",
        "kendall_tau": pytest.approx(1.0),
        "kendall_ci95": [pytest.approx(1.0), pytest.approx(1.0)],
        "kendall_n": 6,
        "supernet_seconds": 30.0,
        "stopped": RECORD["stopped"],
        "notes": RECORD["notes"],
    }


def test_an_architecture_that_was_not_trained_from_scratch_has_no_score(ledger, folder):
    search = trained(ledger, folder, RECORD)
    candidates(ledger, 2)
    found = told(search, ledger, folder)
    assert (found["from_scratch_score"], found["kendall_tau"], found["kendall_n"]) == (None, None, 2)
    assert "needs at least 4 candidates" in found["notes"][-1]
    assert "there are 2 such candidates" in found["notes"][-1]


def test_identical_scores_have_no_rank_correlation(ledger, folder):
    search = trained(ledger, folder, RECORD)
    candidates(ledger, 5, value=0.3)
    found = told(search, ledger, folder)
    assert (found["kendall_tau"], found["kendall_ci95"]) == (None, None)
    assert "the same for all" in found["notes"][-1]


def test_a_failed_scoring_is_reported_with_its_cause(ledger, folder):
    search = trained(ledger, folder, RECORD)
    row = ledger.begin(Row(stage=STAGE, strategy="darts", key="scored", extra={"candidates": []}))
    ledger.finish(row, "failed", Outcome("failed", "out of memory: 9 GB"))
    assert told(search, ledger, folder)["notes"][-1].endswith("failed: out of memory: 9 GB")


def test_a_supernet_that_failed_has_an_entry_without_scores(ledger, folder):
    search = trained(ledger, folder, None, "failed", "diverged")
    found = told(search, ledger, folder)
    assert [found[name] for name in ("supernet_score", "discretized_score", "from_scratch_score", "discretization")] == [None] * 4
    assert found["supernet_seconds"] == 30.0
    assert [(s.name, s.reason) for s in failed_supernets([search])] == [("darts", "supernet training failed: diverged")]


def test_a_complete_or_running_training_is_not_a_failure(ledger, folder):
    assert failed_supernets([trained(ledger, folder, RECORD), SupernetSearch("gdas", ledger, 8.0)]) == []


def test_a_single_path_method_has_no_supernet_score(ledger, folder):
    record = {**RECORD, "discretization": {**RECORD["discretization"], "supernet_score": None}, "stopped": None}
    found = told(trained(ledger, folder, record), ledger, folder)
    assert (found["supernet_score"], found["discretized_score"], found["stopped"]) == (None, 0.6, None)


def test_a_missing_record_is_none(folder):
    assert record_of(folder.path / "nowhere") is None
