import math
import os

import pytest

from archwright.errors import RunFolderError
from archwright.ledger.json_file import create_json, read_json, without_nan, write_json


def test_written_content_is_read_back(tmp_path):
    content = {"a": [1, 2.5, None, "ü"], "b": {"c": True}}
    write_json(tmp_path / "x.json", content)
    assert read_json(tmp_path / "x.json") == content
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_numbers_that_json_does_not_have_become_null():
    assert without_nan({1: [math.nan, (math.inf, -math.inf), 0.0]}) == {"1": [None, [None, None], 0.0]}


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"new": object()})
    assert read_json(tmp_path / "x.json") == {"old": 1}


def test_of_two_processes_that_create_a_file_the_first_wins(tmp_path):
    create_json(tmp_path / "x.json", {"first": 1})
    create_json(tmp_path / "x.json", {"second": 2})
    assert read_json(tmp_path / "x.json") == {"first": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_a_file_is_created_without_hard_links(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    create_json(tmp_path / "x.json", {"first": 1})
    assert read_json(tmp_path / "x.json") == {"first": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("content", [None, "", '{"a": ', "\xff"])
def test_a_missing_or_damaged_file_is_named_with_a_remedy(tmp_path, content):
    file = tmp_path / "x.json"
    if content is not None:
        file.write_text(content, encoding="latin-1")
    with pytest.raises(RunFolderError, match=r"x\.json cannot be read as JSON .*: restore it"):
        read_json(file)
