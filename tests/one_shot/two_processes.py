"""Searches in two processes, launched by Fabric itself: `python two_processes.py FOLDER METHOD...`."""

import contextlib
import importlib.util
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from lightning_fabric import Fabric

NAME = "toy_space_of_the_tests"


def main(folder, methods):
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    specification = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("toy.py"))
    toy = importlib.util.module_from_spec(specification)
    sys.modules[NAME] = toy
    specification.loader.exec_module(toy)
    for method in methods:
        search(fabric, toy, folder / method, toy.toy_job(folder / method, method, epochs=3.0, learning_rate=0.1))
    interrupted = toy.toy_job(folder / "resumed", "darts", epochs=3.0, learning_rate=0.1)
    interrupt(fabric, toy, interrupted)
    search(fabric, toy, folder / "resumed", interrupted)
    timed = replace(toy.toy_job(folder / "timed", "gdas", epochs=500.0), time_goal=1.0)
    search(fabric, toy, folder / "timed", timed)


def interrupt(fabric, toy, job):
    """Until the first step of the third epoch, when every process stops."""
    from archwright.one_shot.gradient_search import GradientSearch
    from archwright.one_shot.supernet_training import train_supernet

    step = GradientSearch.__call__

    def stopping(self, x, y, done):
        if done > 2 / 3:
            raise InterruptedError
        return step(self, x, y, done)

    GradientSearch.__call__ = stopping
    Path(job.folder).mkdir(exist_ok=True)
    with contextlib.suppress(InterruptedError):
        train_supernet(job, toy.toy_data(), {}, None, fabric)
    GradientSearch.__call__ = step


def search(fabric, toy, folder, job):
    from archwright.one_shot import supernet_training

    folder.mkdir(exist_ok=True)
    stages, set_up = [], supernet_training._set_up

    def remember(*arguments):
        stages.append(set_up(*arguments))
        return stages[-1]

    supernet_training._set_up = remember
    outcome = supernet_training.train_supernet(job, toy.toy_data(), {}, None, fabric)
    supernet_training._set_up = set_up
    scene, searched = stages[-1].scene, stages[-1].search
    text = {
        "rows": stages[-1].batches.among.tolist(),
        "found": list(outcome.found),
        "alphas": learned_by(searched),
        "supernet": {name: tensor.tolist() for name, tensor in scene.supernet.state_dict().items()},
        "curve": [{key: value for key, value in record.items() if key.startswith("val")} for record in outcome.curve],
        "losses": [record["train_loss"] for record in outcome.curve],
        "process": os.getpid(),
    }
    (folder / f"process{fabric.global_rank}.json").write_text(json.dumps(text))


def learned_by(search):
    """What the search knows of the candidates: alphas, or the controller's weights."""
    if hasattr(search, "policy"):
        return [parameter.tolist() for parameter in search.policy.controller.parameters()]
    return search.alphas.alpha.tolist() if hasattr(search, "alphas") else []


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
