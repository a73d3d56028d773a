import os
import tempfile
import threading

import pytest

from archwright.execute.node_data import forget, training_root


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Where this machine's temporary files are."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"archwright-{os.getuid()}" / "key"


def lay_down(folder):
    (folder / "rows").write_text("1 2 3")


def refuse(folder):
    raise AssertionError("the data are there already")


def test_data_are_laid_down_once_and_each_training_has_a_folder_of_its_own(base):
    with training_root("key", lay_down) as one, training_root("key", refuse) as other:
        assert one != other
        assert (one / "data" / "rows").read_text() == (other / "data" / "rows").read_text() == "1 2 3"
    assert not one.exists()
    with training_root("key", refuse):
        pass


def test_many_that_begin_together_lay_down_once(base):
    laid = []

    def train():
        with training_root("key", lambda folder: (laid.append(1), lay_down(folder))):
            pass

    threads = [threading.Thread(target=train) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert laid == [1]


def test_what_could_not_be_laid_down_whole_is_not_there(base):
    def half(folder):
        lay_down(folder)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), training_root("key", half):
        pass
    with training_root("key", lay_down) as root:
        assert (root / "data" / "rows").exists()


def test_data_in_use_are_not_deleted_and_then_they_are_with_what_was_left_over(base):
    with training_root("key", lay_down) as root:
        forget("key")
        assert (root / "data" / "rows").exists()
    (base / "left by a kill").mkdir()
    forget("key")
    assert not base.exists()
    forget("key")


def test_a_folder_of_somebody_else_is_an_error(base, monkeypatch):
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    base.parent.with_name(f"archwright-{somebody}").mkdir()
    with pytest.raises(PermissionError, match="TMPDIR"), training_root("key", lay_down):
        pass
