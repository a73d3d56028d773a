"""Several coordinators of one run, each a complete command in its own process."""

import csv
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from archwright.errors import InputError, RunFolderError
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.study.request import Request
from archwright.study.shared_run import check_study, home_of

PATIENT = pytest.mark.timeout(300)
"""Time limit for complete commands on a machine that may be busy."""


def command(run, out, *words):
    told = ("--strategy", "random", "--trials", "5", "--epochs", "2", "--seeds", "2", "--baselines", "resnet-tiny")
    small = ("--set", "space.width=4", "--set", "space.most_blocks=1", "--executor", "serial")
    return ["archwright", "search", run.source, *told, *small, "--out", str(out), *words]


def together(*commands):
    """Runs the commands (folder, words) at the same time; returns their exit codes and all output."""
    script = Path(__file__).with_name("coordinators.py")
    given = json.dumps([[str(folder), words] for folder, words in commands])
    return subprocess.Popen([sys.executable, script, given], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process):
    said, _ = process.communicate()
    return json.loads(said.splitlines()[-1]), said


def table(folder):
    with (folder / "candidates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def check_each_once(rows):
    """Every training of the command above was run by exactly one coordinator."""
    assert [int(row["number"]) for row in rows] == list(range(len(rows)))
    trained = [row for row in rows if row["state"] != "duplicate"]
    assert all(row["state"] == "complete" for row in trained)
    assert Counter(row["stage"] for row in trained) == {"search": 5, "final": 2, "baseline": 2}
    keys = Counter((row["stage"], row["key"], row["seed"]) for row in trained)
    assert set(keys.values()) == {1}


@PATIENT
def test_two_coordinators_of_one_folder_share_the_trainings_and_one_writes_the_results(small_run, tmp_path):
    words = command(small_run, tmp_path / "run", "--storage", f"journal:{tmp_path / 'ledger'}")
    codes, said = ended(together((tmp_path, words), (tmp_path, words)))
    assert codes == [0, 0], said
    rows = table(tmp_path / "run")
    check_each_once(rows)
    assert said.count("test split") == 2, "both print the table"
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [(method["name"], len(method["runs"])) for method in results["methods"]] == [("random", 2), ("resnet-tiny", 2)]
    assert results["test_accesses"] == 4
    assert 0 <= results["settings"]["idle"]["search"] < 1


@PATIENT
def test_a_second_coordinator_of_a_run_in_sqlite_exits_with_a_message(small_run, tmp_path):
    words = command(small_run, tmp_path / "run")
    codes, said = ended(together((tmp_path, words), (tmp_path, words)))
    assert sorted(codes) == [0, 2], said
    assert "is in use by process" in said
    check_each_once(table(tmp_path / "run"))


@PATIENT
def test_machines_without_a_shared_folder_share_a_study_by_name(small_run, tmp_path, server):
    words = ["--storage", server.get_uri(), "--study", "together"]
    commands = [(tmp_path, command(small_run, tmp_path / name, *words)) for name in ("a", "b")]
    codes, said = ended(together(*commands))
    assert codes == [0, 0], said
    home, other = (tmp_path / name for name in (("a", "b") if (tmp_path / "a" / "results.json").exists() else ("b", "a")))
    check_each_once(table(home))
    assert (home / "report.html").exists()
    assert not (other / "results.json").exists()
    assert said.count("this machine takes part in its search") == 1
    assert said.count("runs the final trainings and writes the report") == 1
    assert {path.name for path in (other / "trainings").glob("*")}.isdisjoint(path.name for path in (home / "trainings").glob("*"))


@PATIENT
def test_a_restart_of_the_database_server_loses_nothing(small_run, tmp_path, server):
    import pgserver

    process = together((tmp_path, command(small_run, tmp_path / "run", "--storage", server.get_uri())))
    while not (tmp_path / "run" / "trainings" / "00001-search-random").exists():
        assert process.poll() is None
        time.sleep(0.01)
    for _ in range(2):
        pgserver.pg_ctl(["-w", "-m", "immediate", "restart"], pgdata=server.pgdata, user=server.system_user)
        time.sleep(0.5)
    codes, said = ended(process)
    assert codes == [0], said
    check_each_once(table(tmp_path / "run"))


# Sharing by name, in small.


@pytest.fixture
def ledgers(tmp_path):
    """Two coordinators of one run."""
    url = f"journal:{tmp_path / 'ledger'}"
    with Ledger.open(url, tmp_path / "a", "run") as ours, Ledger.open(url, tmp_path / "b", "run") as theirs:
        yield ours, theirs


def test_the_first_to_settle_something_decides_for_all(ledgers):
    ours, theirs = ledgers
    assert ours.set_default("plan", {"epochs": 3}) == {"epochs": 3}
    assert theirs.set_default("plan", {"epochs": 4}) == {"epochs": 3}
    assert theirs.setting("plan") == {"epochs": 3}


def test_a_task_is_claimed_by_one_coordinator_and_released_when_it_is_gone(ledgers):
    ours, theirs = ledgers
    assert ours.claim("results")
    assert ours.claim("results")
    assert not theirs.claim("results")
    ours.close()
    assert theirs.claim("results")


def test_others_work_as_long_as_they_have_rows(ledgers):
    ours, theirs = ledgers
    row = theirs.begin(Row(stage="baseline", strategy="", baseline="vgg", key="vgg"))
    assert ours.others_are_working()
    assert ours.others_are_working("baseline", "final")
    assert not ours.others_are_working("search")
    assert not theirs.others_are_working()
    theirs.finish(row, "complete", Outcome("complete", metrics={"accuracy": 0.5}))
    assert not ours.others_are_working()


def test_rows_of_a_coordinator_that_is_gone_are_free(ledgers):
    ours, theirs = ledgers
    theirs.begin(Row(stage="baseline", strategy="", baseline="vgg", key="vgg"))
    theirs.close()
    assert not ours.others_are_working()
    assert len(ours.running()) == 1


@pytest.mark.parametrize("storage", [None, "journal:ledger"])
def test_a_study_name_without_shared_storage_is_an_error(storage):
    with pytest.raises(InputError, match="--storage postgresql://"):
        check_study(Request("digits", study="shared", storage=storage))


class Folder:
    path = Path("elsewhere")

    def __init__(self, name):
        self.asked = {"name": name}


class Data:
    data_hash = "abc"


def test_the_home_of_a_run_is_where_it_began(ledgers):
    ours, theirs = ledgers
    request = Request("digits", trials=3, study="shared", storage="postgresql://a/b")
    assert home_of(ours, Folder("a"), request, Data) is None
    elsewhere = Request("/data/digits.npz", trials=5, study="shared", storage="postgresql://c/b", workers=3)
    assert home_of(theirs, Folder("b"), elsewhere, Data).endswith(":elsewhere")
    assert home_of(theirs, Folder("a"), request, Data) is None


def test_another_request_under_the_same_name_is_an_error(ledgers):
    ours, theirs = ledgers
    home_of(ours, Folder("a"), Request("digits", trials=3, seed=1), Data)
    with pytest.raises(RunFolderError, match="seed is 1 there and 2 here"):
        home_of(theirs, Folder("b"), Request("digits", trials=3, seed=2), Data)


def test_a_thread_that_claims_while_another_settles_waits_its_turn(ledgers):
    ours, theirs = ledgers
    claims = []
    threads = [threading.Thread(target=lambda ledger=ledger: claims.append(ledger.claim("once"))) for ledger in (ours, theirs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claims) == [False, True]
