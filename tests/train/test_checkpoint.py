import pytest
import torch

from archwright.train.checkpoint import load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded(tmp_path):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint({"step": 3, "weights": {"a": torch.arange(3.0)}, "curve": [{"epoch": 1.0}]}, file)
    state = load_checkpoint(file)
    assert state["step"] == 3
    assert state["weights"]["a"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_missing_file_loads_as_none(tmp_path):
    assert load_checkpoint(tmp_path / "missing.pt") is None


def test_a_damaged_file_loads_as_none(tmp_path):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint({"weights": torch.zeros(1000)}, file)
    file.write_bytes(file.read_bytes()[:500])
    assert load_checkpoint(file) is None
    file.write_bytes(b"")
    assert load_checkpoint(file) is None


class Harmful:
    def __reduce__(self):
        return print, ("code was run",)


def test_loading_runs_no_code(tmp_path, capsys):
    file = tmp_path / "checkpoint.pt"
    torch.save({"harm": Harmful()}, file)
    assert load_checkpoint(file) is None
    assert capsys.readouterr().out == ""


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint({"step": 1}, file)

    def full(state, path):
        path.write(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="file write failed"):
        save_checkpoint({"step": 2}, file)
    assert load_checkpoint(file) == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
