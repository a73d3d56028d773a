"""One search in two processes, launched by Fabric itself: `python two_processes.py FOLDER METHOD`."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric


def main(folder, method):
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()
    specification = importlib.util.spec_from_file_location("toy_space_of_the_tests", Path(__file__).with_name("toy.py"))
    toy = importlib.util.module_from_spec(specification)
    sys.modules["toy_space_of_the_tests"] = toy
    specification.loader.exec_module(toy)
    search(fabric, toy, folder, method)


def search(fabric, toy, folder, method):
    from archwright.one_shot import supernet_training

    job = toy.toy_job(folder, method, epochs=3.0, learning_rate=0.1)
    stages, set_up = [], supernet_training._set_up

    def remember(*arguments):
        stages.append(set_up(*arguments))
        return stages[-1]

    supernet_training._set_up = remember
    outcome = supernet_training.train_supernet(job, toy.toy_data(), {}, None, fabric)
    scene, searched = stages[-1].scene, stages[-1].search
    text = {
        "rows": stages[-1].batches.among.tolist(),
        "found": list(outcome.found),
        "alphas": searched.alphas.alpha.tolist() if hasattr(searched, "alphas") else [],
        "supernet": {name: tensor.tolist() for name, tensor in scene.supernet.state_dict().items()},
        "curve": [{key: value for key, value in record.items() if key.startswith("val")} for record in outcome.curve],
        "losses": [record["train_loss"] for record in outcome.curve],
        "process": os.getpid(),
    }
    (Path(folder) / f"process{fabric.global_rank}.json").write_text(json.dumps(text))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
