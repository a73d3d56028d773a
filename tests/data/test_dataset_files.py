import hashlib

import pytest

from archwright.data.dataset_files import Download, Files, locate, own_folders
from archwright.errors import DataError


def complete(folder):
    return (folder / "a.bin").is_file()


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Files that can be downloaded from `tmp_path/web/a.bin`, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "web" / "a.bin"
    file.parent.mkdir()
    file.write_bytes(b"content")
    return file, Files(
        "some", (Download(file.as_uri(), hashlib.md5(b"content").hexdigest()),), (str(tmp_path / "system"),), "some-package"
    )


def put(folder):
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"x")
    return folder


def test_the_own_folder_precedes_cache_package_and_download(offer, tmp_path, monkeypatch):
    _, files = offer
    system = put(tmp_path / "system")
    assert locate(files, complete) == system
    cache = put(tmp_path / "cache" / "archwright" / "some")
    assert locate(files, complete) == cache
    monkeypatch.setenv("ARCHWRIGHT_DATA", str(tmp_path / "own"))
    assert locate(files, complete) == cache
    own = put(tmp_path / "own" / "some")
    assert locate(files, complete) == own
    assert own_folders("some") == [own, cache]


def test_a_download_is_kept_for_the_next_time(offer):
    file, files = offer
    folder = locate(files, complete)
    assert (folder / "a.bin").read_bytes() == b"content"
    file.unlink()
    assert locate(files, complete) == folder
    assert [entry.name for entry in folder.iterdir()] == ["a.bin"]


def test_a_wrong_checksum_leaves_nothing(offer, tmp_path):
    file, files = offer
    file.write_bytes(b"other")
    with pytest.raises(DataError, match=r"has the checksum .* instead of"):
        locate(files, complete)
    assert not list((tmp_path / "cache" / "archwright" / "some").iterdir())


def test_without_a_network_one_sentence_says_how_to_get_the_files(offer, tmp_path):
    file, files = offer
    file.unlink()
    with pytest.raises(DataError) as message:
        locate(files, complete)
    for part in ("apt-get install some-package", "ARCHWRIGHT_DATA", "a.bin", str(tmp_path / "system"), "a folder some"):
        assert part in str(message.value)
