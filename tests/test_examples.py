"""Every script in examples/ runs unchanged, in a folder of its own, and prints what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
EXPECTED_OUTPUT = {
    "own_data_arrays": ["random_forest", "damping ratio: simulated ["],
    "own_space": ["538,083 architectures", "resnet-tiny"],
    "own_strategy": ["without training: 6 of 6", "own_strategy:HillClimber", "random"],
    "own_loop": ["network 7: validation accuracy 0.", "the best is network", "trained from scratch: test accuracy 0."],
    "own_table": ["own_table, digits: 20 queries, 20 repeats", "lowest mean validation regret", "local_search"],
    "optuna_study": ["trial 7: accuracy 0.", "best: {"],
    "load_model": ["largest difference between the logits:"],
}


def test_every_example_is_run():
    assert set(EXPECTED_OUTPUT) == {script.stem for script in EXAMPLES.glob("*.py")}


@pytest.mark.timeout(330)  # a busy machine is slow
@pytest.mark.parametrize("name", EXPECTED_OUTPUT)
def test_it_runs_and_prints_the_expected_output(name, tmp_path):
    environment = {**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:__main__"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    for words in EXPECTED_OUTPUT[name]:
        assert words in done.stdout


@pytest.mark.parametrize("name", EXPECTED_OUTPUT)
def test_it_is_in_the_list(name):
    assert f"[{name}.py]({name}.py)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
