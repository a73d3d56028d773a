"""A fake supernet training: nothing is trained, but the usual files are written."""

import json
import sys
from pathlib import Path
from random import Random

import pytest

from archwright.architecture.architecture import Architecture
from archwright.evaluate.job import Outcome
from archwright.search_space import make_space

EDGES, CANDIDATES, EPOCHS = ("cell/0->1", "cell/0->2", "cell/1->2"), ("none", "skip_connect", "nor_conv_3x3"), 6


def weights(epoch, rng):
    """Rows that sum to one and drift towards the last candidate."""
    rows = []
    for _ in EDGES:
        raw = [1.0, 1.0 + 0.1 * rng.random(), 1.0 + 0.5 * epoch]
        rows.append([value / sum(raw) for value in raw])
    return rows


def record(job, data, architectures):
    """one_shot.json in its documented format."""
    rng, metric = Random(job.seed), data.problem.metric
    epochs = [
        {
            "epoch": float(epoch + 1),
            "seconds": 2.0 * (epoch + 1),
            "train_loss": 1.5 - 0.1 * epoch,
            "train_metric": 0.3 + 0.05 * epoch,
            f"val_{metric}": 0.25 + 0.05 * epoch,
            "val_loss": 1.6 - 0.1 * epoch,
            "temperature": None,
            "skip_share": 1 / 3,
            "entropy": 1.0 - 0.1 * epoch,
            "spread": 0.1 * epoch,
            "weights": weights(epoch, rng),
            "architecture": architectures[epoch % len(architectures)].to_json(),
            "score": 0.2 + 0.05 * epoch,
        }
        for epoch in range(EPOCHS)
    ]
    return {
        "method": job.supernet["method"],
        "settings": dict(job.supernet["method_settings"]),
        "edges": [{"name": name, "candidates": list(CANDIDATES), "target": name.partition("->")[2]} for name in EDGES],
        "epochs": epochs,
        "discretization": {
            "method": "argmax",
            "supernet_score": 0.5,
            "discretized_score": 0.4,
            "architecture": architectures[0].to_json(),
        },
        "stopped": None,
        "notes": ["The fake supernet learned nothing."],
    }


def train_supernet(job, data, facts, on_epoch):
    """Derives three architectures of the space, and claims to have taken twelve seconds."""
    space = make_space(job.supernet["space"], job.supernet["space_settings"])
    rng = Random(job.seed)
    architectures = [space.sample(rng) for _ in range(3)]
    content = record(job, data, architectures)
    (Path(job.folder) / "one_shot.json").write_text(json.dumps(content))
    metrics = {data.problem.metric: 0.5, "loss": 1.0}
    found = tuple({"architecture": a.to_json(), "score": 0.5 - 0.1 * i, "epoch": 6.0 - i} for i, a in enumerate(architectures))
    return Outcome("complete", metrics=metrics, seconds=12.0, epochs=6.0, found=found)


def score_architectures(job, data, facts, on_epoch):
    """Arbitrary scores: how often the architecture's answers name a convolution."""
    assert (Path(job.supernet["trained"]) / "one_shot.json").is_file()
    scored = [Architecture.from_json(text) for text in job.supernet["architectures"]]
    found = tuple(
        {"architecture": a.to_json(), "score": sum("conv" in str(answer) for answer in a.answers.values()) / 10, "epoch": 6.0}
        for a in scored
    )
    return Outcome("complete", seconds=1.0, found=found)


@pytest.fixture
def fake_supernet(monkeypatch):
    """Replaces one_shot.supernet.supernet_training in runs in this process (executor `serial`); returns the module."""
    from archwright.evaluate import train_job

    module = sys.modules[__name__]
    for stage, name in {"supernet": "train_supernet", "shared_scores": "score_architectures"}.items():
        monkeypatch.setitem(train_job.SHARED_WEIGHTS, stage, f"{__name__}:{name}")
    return module
