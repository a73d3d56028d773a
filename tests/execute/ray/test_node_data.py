import os
import tempfile
import threading

import pytest

from archwright.execute.ray.node_data import delete_data, training_folder


@pytest.fixture
def base(tmp_path, monkeypatch):
    """The folder for one key, below a temporary folder of this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"archwright-{os.getuid()}" / "key"


def write_data(folder):
    (folder / "rows").write_text("1 2 3")


def refuse(folder):
    raise AssertionError("the data exist already")


def test_data_are_written_once_and_each_training_has_its_own_folder(base):
    with training_folder("key", write_data) as one, training_folder("key", refuse) as other:
        assert one != other
        assert (one / "data" / "rows").read_text() == (other / "data" / "rows").read_text() == "1 2 3"
    assert not one.exists()
    with training_folder("key", refuse):
        pass


def test_concurrent_trainings_write_the_data_once(base):
    writes = []

    def train():
        with training_folder("key", lambda folder: (writes.append(1), write_data(folder))):
            pass

    threads = [threading.Thread(target=train) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writes == [1]


def test_partially_written_data_do_not_count(base):
    def half(folder):
        write_data(folder)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), training_folder("key", half):
        pass
    with training_folder("key", write_data) as root:
        assert (root / "data" / "rows").exists()


def test_data_in_use_are_kept_and_later_deleted_with_leftovers(base):
    with training_folder("key", write_data) as root:
        delete_data("key")
        assert (root / "data" / "rows").exists()
    (base / "left by a kill").mkdir()
    delete_data("key")
    assert not base.exists()
    delete_data("key")


def test_a_folder_of_another_user_is_an_error(base, monkeypatch):
    another_user = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: another_user)
    base.parent.with_name(f"archwright-{another_user}").mkdir()
    with pytest.raises(PermissionError, match="TMPDIR"), training_folder("key", write_data):
        pass
