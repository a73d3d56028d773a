"""Coordinators in processes of their own: killed, interrupted, and with spaces in their `__main__`. None has a main guard."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

WAITING = """
import sys
from archwright.evaluate.job import Job
from archwright.execute import Resources, make_executor

with make_executor("processes", Resources(2, device="cpu"), "small_jobs:obey") as executor:
    executor.submit(Job("hold", "search", "", sys.argv[1] + "/hold", 0, 1, recipe={"ignore_terminate": 1, "hold": 10**12}))
    executor.submit(Job("helper", "search", "", sys.argv[1] + "/helper", 0, 1, recipe={"helper": 1, "sleep": 60}))
    executor.wait()
"""

INTERRUPTED = """
print("started", flush=True)
import sys
from archwright.evaluate.job import Job
from archwright.execute import Resources, make_executor

with make_executor("processes", Resources(1, device="cpu"), "small_jobs:obey") as executor:
    executor.submit(Job("job", "search", "", sys.argv[1] + "/job", 0, 1, recipe={"sleep": 8}))
    try:
        print("waiting", flush=True)
        executor.wait()
    except KeyboardInterrupt:
        print("interrupted", executor.wait()[0][1].state)
"""

SERVER_LOST = """
import json, sys
from archwright.evaluate.job import Job
from archwright.execute import Resources, make_executor

with make_executor("processes", Resources(1, device="cpu"), "small_jobs:obey") as executor:
    for name, deeds in {"lost": {"kill_server": 1, "sleep": 60}, "next": {}}.items():
        executor.submit(Job(name, "search", "", f"{sys.argv[1]}/{name}", 0, 1, recipe=deeds))
        print(json.dumps(executor.wait()[0][1].to_json()), flush=True)
"""

OWN_SPACE = """
from __future__ import annotations
import json, sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from archwright.evaluate.job import Job, Outcome
from archwright.execute import Resources, make_executor
from archwright.search_space import SearchSpace, make_space

KERNELS = [1, 3]

@dataclass(frozen=True)
class Mine(SearchSpace):
    size: Literal["small", "large"] = "small"

    def decide(self, choose):
        return self.size, choose("kernel", KERNELS)

    def build(self, decision, problem): ...

def work(job, on_epoch):
    space = make_space(job.architecture["space"], job.architecture["settings"])
    return Outcome("complete", cause=f"{space.size} {KERNELS} {Path.cwd()}")

architecture = {"space": "__main__:Mine", "settings": {"size": "large"}, "answers": {"kernel": 3}}
with make_executor("processes", Resources(1, device="cpu"), "__main__:work") as executor:
    executor.submit(Job("own", "search", "", sys.argv[1] + "/own", 0, 1, architecture=architecture))
    print(json.dumps(executor.wait()[0][1].to_json()))
"""


LIGHT = """
from archwright.execute import fork_server
fork_server.PRELOADED = ["torch"]  # these runs need no more
"""


@pytest.fixture
def start(tmp_path):
    """Starts a coordinator in its own process group: `start(script)`, or as a notebook does, without a file."""
    started = []

    def run(script, notebook=False):
        script = script.replace("\nwith make_executor", LIGHT + "\nwith make_executor")
        (tmp_path / "script.py").write_text(script)
        code = ["-c", script] if notebook else [str(tmp_path / "script.py")]
        environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
        command = [sys.executable, *code, str(tmp_path)]
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        )
        return started[-1]

    yield run
    for coordinator in started:
        coordinator.kill()
        coordinator.communicate(timeout=10)


def test_trainings_end_soon_after_their_coordinator_was_killed(start, tmp_path, pid_in, is_alive, eventually):
    coordinator = start(WAITING)
    pids = [pid_in(tmp_path / "hold"), pid_in(tmp_path / "helper"), pid_in(tmp_path / "helper", "helper")]
    assert all(map(is_alive, pids))
    coordinator.kill()
    eventually(lambda: not any(map(is_alive, pids)), 10)


@pytest.mark.usefixtures("as_in_a_terminal")
def test_ctrl_c_reaches_the_coordinator_alone_and_its_script_runs_once(start, tmp_path, pid_in):
    coordinator = start(INTERRUPTED)
    assert [coordinator.stdout.readline() for _ in range(2)] == ["started\n", "waiting\n"]
    pid_in(tmp_path / "job")
    os.killpg(coordinator.pid, signal.SIGINT)
    assert coordinator.communicate(timeout=60) == ("interrupted complete\n", "")


def test_the_loss_of_the_fork_server_costs_only_what_ran(start, tmp_path, pid_in, is_alive, eventually):
    coordinator = start(SERVER_LOST)
    lost = json.loads(coordinator.stdout.readline())
    assert lost["machine_fault"]
    assert lost["cause"].startswith("lost")
    eventually(lambda: not is_alive(pid_in(tmp_path / "lost")))
    following = json.loads(coordinator.stdout.readline())
    assert following["state"] == "complete", following["cause"]


def test_a_notebooks_own_space_is_known_to_the_training(start, tmp_path):
    output, errors = start(OWN_SPACE, notebook=True).communicate(timeout=60)
    assert json.loads(output or "{}").get("cause") == f"large [1, 3] {tmp_path}", errors
