from pathlib import Path

import pytest

from archwright.evaluate import job, read_test_split
from archwright.evaluate.job import Job
from archwright.execute.ray import transfer
from archwright.execute.ray.transfer import Changes, pack, put_in_place, unpack


@pytest.fixture
def given(tmp_path):
    """A job that continues another one and was started before."""
    files = {"short/checkpoint.pt": "short", "long/log.txt": "begun", "long/.half": "", "net/supernet.safetensors": "w"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "data").mkdir()
    supernet = {"method": "darts", "trained": str(tmp_path / "net")}
    folders = {"folder": str(tmp_path / "long"), "continues": str(tmp_path / "short"), "data": str(tmp_path / "data")}
    return Job("long", "search", seed=0, epochs=1, supernet=supernet, **folders)


@pytest.fixture
def there(given, tmp_path):
    return unpack(given, pack(given), tmp_path / "far" / "away")


def test_the_file_names_are_those_of_the_modules_that_write_them():
    assert (transfer.LOG, transfer.RESULT) == (read_test_split.LOG, job.RESULT)


def test_all_that_a_training_needs_is_packed_and_nothing_half_written(given, there, tmp_path):
    assert set(pack(given)) == {"folder/log.txt", "continues/checkpoint.pt", "trained/supernet.safetensors"}
    far = tmp_path / "far" / "away"
    assert (there.data, there.folder, there.continues) == (str(far / "data"), str(far / "folder"), str(far / "continues"))
    assert there.supernet == {"method": "darts", "trained": str(far / "trained")}
    assert (far / "continues" / "checkpoint.pt").read_text() == "short"
    assert (there.key, there.seed, there.stage) == (given.key, given.seed, given.stage)


def test_only_changes_are_sent_back_and_each_once(there):
    changes = Changes(there)
    assert changes.take() == {}
    folder = Path(there.folder)
    (folder / "log.txt").write_text("begun, and went on")
    (folder / "weights").write_text("w")
    Path(there.continues, "checkpoint.pt").unlink()
    assert changes.take() == {
        "folder/log.txt": b"begun, and went on",
        "folder/weights": b"w",
        "continues/checkpoint.pt": None,
    }
    assert changes.take() == {}


def test_a_file_replaced_by_one_of_the_same_length_has_changed(there):
    changes = Changes(there)
    new = Path(there.folder, "new")
    new.write_text("BEGUN")
    new.replace(Path(there.folder, "log.txt"))
    assert changes.take() == {"folder/log.txt": b"BEGUN"}


def test_accesses_to_the_test_split_are_reported_line_by_line(there):
    changes = Changes(there)
    log = Path(there.data).parent / transfer.LOG
    for line in ("one\n", "two\n"):
        assert not changes.test_was_read
        with log.open("a") as file:
            file.write(line)
        assert changes.test_was_read
        assert changes.take() == {transfer.LOG: line.encode()}


def test_files_sent_back_are_put_in_place_and_accesses_appended(given, tmp_path):
    (tmp_path / transfer.LOG).write_text("an earlier one\n")
    put_in_place(
        given,
        {"folder/deep/file": b"new", "folder/log.txt": b"all of it", "continues/checkpoint.pt": None, transfer.LOG: b"one more\n"},
    )
    assert (tmp_path / "long" / "deep" / "file").read_bytes() == b"new"
    assert (tmp_path / "long" / "log.txt").read_bytes() == b"all of it"
    assert not (tmp_path / "short" / "checkpoint.pt").exists()
    assert (tmp_path / transfer.LOG).read_text() == "an earlier one\none more\n"


def test_the_result_is_written_after_the_other_files_and_before_deletions(given, monkeypatch):
    order = []
    monkeypatch.setattr(transfer, "_path_of", lambda job, name: order.append(name) or Path(job.folder) / "any")
    put_in_place(given, {"folder/checkpoint.pt": None, "folder/result.json": b"", "folder/weights": b""})
    assert order == ["folder/weights", "folder/result.json", "folder/checkpoint.pt"]


def test_no_file_is_written_outside_the_trainings_folders(given):
    with pytest.raises(ValueError, match="outside"):
        put_in_place(given, {"folder/../../elsewhere": b""})
