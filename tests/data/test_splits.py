import json
from datetime import datetime

import numpy as np
import pytest

from archwright.data.splits import LockedTest, Split


def split():
    return Split(np.arange(6.0, dtype=np.float32).reshape(3, 2), np.array([0, 1, 0]), np.array([4, 5, 6]))


def test_each_opening_logs_one_line(tmp_path):
    log = tmp_path / "accesses.jsonl"
    test = LockedTest(split, 3)
    assert len(test) == 3
    assert test.open('a reason with "quotes"\nand lines', log).index.tolist() == [4, 5, 6]
    test.open("another", log)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["reason"] for line in lines] == ['a reason with "quotes"\nand lines', "another"]
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in lines)


def test_without_a_writable_log_the_lock_stays(tmp_path):
    read = []
    test = LockedTest(lambda: read.append(1) or split(), 3)
    with pytest.raises(FileNotFoundError):
        test.open("why", tmp_path / "missing" / "log")
    assert not read


def test_nothing_public_shows_the_rows():
    assert {name for name in dir(LockedTest(split, 3)) if not name.startswith("_")} == {"open", "write"}


def test_written_rows_are_read_back_memory_mapped(tmp_path):
    split().write(tmp_path)
    read = Split.read(tmp_path)
    assert isinstance(read.x, np.memmap)
    assert np.array_equal(read.x, split().x)
    assert np.array_equal(read.y, split().y)
    assert len(read) == 3
