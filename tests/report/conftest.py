"""An invented run with several methods, seeds and failures, for the report's tests and for looking at its pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from archwright.data.problem import Problem
from archwright.network.chain_description import Chain, ChainStage
from archwright.report.report_data import BudgetPart, ReportData, Supernet
from archwright.search_space import make_space

PROBLEM = Problem("digits", "classification", (1, 8, 8), 10, n_train=1149, n_val=288, n_test=360, data_hash="5f0c9d2e11aa")
CHAIN = Chain(
    (
        ChainStage(2, 24, "conv", "residual", kernel=3),
        ChainStage(3, 32, "mbconv", "dense", kernel=5, expansion=4, pooling="max"),
        ChainStage(1, 128, "bottleneck", "plain", pooling="stride"),
    ),
    "silu",
)
ANSWERS = {"activation": "silu", "stage0/depth": 2, "stage0/width": 24, "stage0/operation": "conv", "stage0/kernel": 3}
SEARCHES = {"regularized_evolution": 0.978, "random": 0.974, "local_search": 0.971}
BASELINES = {"resnet-tiny": (0.966, 77_273, 4.1e6), "resnet18": (0.975, 11_168_193, 2.2e8), "random_forest": (0.955, None, None)}


def method(name: str, kind: str, mean: float, rng: Random, **more: Any) -> dict[str, Any]:
    values = [round(min(1.0, rng.gauss(mean, 0.004)), 4) for _ in range(3)]
    centre = sum(values) / 3
    half = 4.303 * (sum((v - centre) ** 2 for v in values) / 2 / 3) ** 0.5
    return {
        "name": name,
        "kind": kind,
        "metric": "accuracy",
        "mean": centre,
        "ci95": [centre - half, centre + half],
        "runs": [{"seed": i, "value": v, "val": v + rng.gauss(0.004, 0.002)} for i, v in enumerate(values)],
        "parameters": 182_410,
        "macs": 5_310_000,
        "peak_memory_mb": 512.3,
        "latency_ms": 1.31,
        "search_seconds": None,
        "train_seconds": 14.2,
        "predict_seconds": 0.0412,
        "energy_wh": 0.61,
        "n_trials": None,
        "architecture": None,
        **more,
    }


def results(rng: Random) -> dict[str, Any]:
    methods = [
        method(name, "search", mean, rng, search_seconds=48.3, n_trials=24, macs=int(rng.uniform(2e6, 9e6)), architecture=ANSWERS)
        for name, mean in SEARCHES.items()
    ]
    for name, (mean, parameters, macs) in BASELINES.items():
        methods.append(method(name, "baseline", mean, rng, parameters=parameters, macs=macs and int(macs)))
    return {
        "problem": PROBLEM.to_json(),
        "methods": methods,
        "verdict": {
            "choice": "regularized_evolution",
            "text": "Within noise, the searched network (regularized_evolution) and the best baseline (resnet18) are equally good "
            "(97.69 % against 97.41 % test accuracy, difference +0.28 percentage points, 95 % interval −0.83 to +1.39): use the "
            "searched network, which needs 41 times fewer multiply-accumulates and 61 times fewer parameters.",
            "difference": 0.0028,
            "ci95": [-0.0083, 0.0139],
        },
        "test_accesses": 27,
        "skipped": [
            {"name": "resnet50", "reason": "one epoch takes 41 s here, 4 epochs would take 2.7 min, and 24 s are left for it"},
            {"name": "local_search: third seed", "reason": "the time for final trainings was spent after two"},
        ],
        "settings": {"space": "chain", "strategies": list(SEARCHES), "seeds": 3, "top_k": 2, "train": {"learning_rate": 0.1}},
        "versions": {"archwright": "0.1.0", "torch": "2.13.0", "python": "3.12.3", "cpu": "AMD EPYC, 2 cores"},
    }


def search_rows(rng: Random, trials: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, mean in SEARCHES.items():
        elapsed = 0.0
        for number in range(trials):
            seconds = rng.uniform(1, 4)
            elapsed += seconds
            rows.append(_row(rng, name, number, trials, mean, seconds, elapsed))
    for number, row in enumerate(rows):
        row["number"] = number
    return rows


def _row(rng: Random, name: str, number: int, trials: int, mean: float, seconds: float, elapsed: float) -> dict[str, Any]:
    macs = int(10 ** rng.uniform(5.2, 7.4))
    rising = mean + 0.02 * (macs / 2.5e7) ** 0.3 - 0.05 * rng.random() * (1 - number / trials) - 0.03 * rng.random()
    draw = rng.random()
    state, cause = ("complete", "")
    if draw < 0.05:
        state, cause = "failed", "diverged: training loss was nan in epoch 2"
    elif draw < 0.08:
        state, cause = "failed", "out of memory: 3 GB asked for"
    elif draw < 0.13:
        state = "duplicate"
    elif draw < 0.15:
        state, cause = "refused", "one epoch would take 12 s, over the limit of 3 s"
    complete = state == "complete"
    return {
        "sequence": number,
        "elapsed": elapsed,
        "state": state,
        "cause": cause,
        "stage": "search",
        "strategy": name,
        "architecture": json.dumps({**ANSWERS, "stage0/depth": number % 4}),
        "key": f"{name[:2]}{number:05d}",
        "parent": None,
        "val_accuracy": min(0.995, rising) if complete else None,
        "val_loss": 0.1 if complete else None,
        "parameters": macs // 30,
        "macs": macs,
        "peak_memory_mb": 480.0,
        "seconds": seconds if complete or state == "failed" else 0.0,
        "epochs": 5,
        "seed": rng.randrange(2**31),
        "worker": "w0",
    }


def final_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The two best candidates of each strategy, retrained with three seeds."""
    finals = []
    for name in SEARCHES:
        done = [row for row in rows if row["strategy"] == name and row["state"] == "complete"]
        for row in sorted(done, key=lambda row: -row["val_accuracy"])[:2]:
            finals += [{**row, "stage": "final", "seed": seed, "val_accuracy": row["val_accuracy"] - 0.004} for seed in range(3)]
    return finals


def baseline_rows() -> list[dict[str, Any]]:
    return [
        {
            "stage": "baseline",
            "state": "complete",
            "strategy": name,
            "key": name,
            "seed": seed,
            "seconds": 9.0,
            "val_accuracy": mean,
        }
        for name, (mean, _, _) in BASELINES.items()
        for seed in range(3)
    ]


def curve(rng: Random, top: float, epochs: int = 20, gap: float = 0.012) -> list[dict[str, float]]:
    records = []
    for epoch in range(1, epochs + 1):
        share = 1 - 2.718 ** (-epoch / (0.16 * epochs))
        val = 0.1 + (top - 0.1) * share + rng.gauss(0, 0.004)
        train = 0.1 + (min(1.0, top + gap) - 0.1) * share + rng.gauss(0, 0.002)
        record = {
            "epoch": epoch,
            "train_loss": 2.3 * (1 - train),
            "train_metric": train,
            "val_loss": 2.5 * (1 - val),
            "val_accuracy": val,
        }
        records.append(record)
    return records


def report_data(trials: int = 24, seed: int = 0, **changes: Any) -> ReportData:
    rng = Random(seed)
    rows = search_rows(rng, trials)
    tops = {**SEARCHES, **{name: mean for name, (mean, macs, _) in BASELINES.items() if macs}}
    content: dict[str, Any] = {
        "results": results(rng),
        "problem": PROBLEM,
        "space": "chain",
        "rows": [*rows, *final_rows(rows), *baseline_rows()],
        "curves": {name: [curve(rng, mean) for _ in range(3)] for name, mean in tops.items()},
        "architecture": {"space": "chain", "settings": {"dimensions": 2, "width": 16, "stages": None}, "answers": ANSWERS},
        "description": CHAIN,
        "accesses": [{"reason": f"final training {i + 1} of 27", "time": f"2025-06-01 12:{i:02d}:07"} for i in range(27)],
        "budget": [
            BudgetPart("search", 96, 99.1, 0.125),
            BudgetPart("final trainings", 96, 88.0),
            BudgetPart("baselines", 48, 41.7),
        ],
        "chance": 0.102,
        "command": "archwright search digits --minutes 4 --strategy regularized_evolution,local_search",
        "created": "1 June 2025",
        "folder": "runs/digits-chain",
    }
    return ReportData(**{**content, **changes})


@pytest.fixture(scope="session")
def data() -> ReportData:
    """A run that went well except for some diverged trials."""
    return report_data()


@pytest.fixture(scope="session")
def make_data() -> Callable[..., ReportData]:
    """The same run, with fields of it changed; `trials`: how many per strategy."""
    return report_data


@pytest.fixture(scope="session")
def make_curve() -> Callable[..., list[dict[str, float]]]:
    """A learning curve that ends at a given validation metric."""
    return lambda top, **more: curve(Random(0), top, **more)


EDGES = ("cell/0->1", "cell/0->2", "cell/1->2")
OPERATIONS = ("none", "skip_connect", "nor_conv_3x3")


def supernet_epoch(epoch: int) -> dict[str, Any]:
    """An epoch of one_shot.json: weights that drift towards the last candidate."""
    raw = [1.0, 1.2, 1.0 + 0.5 * epoch]
    return {
        "epoch": float(epoch),
        "seconds": 2.0 * epoch,
        "train_loss": 1.5 - 0.1 * epoch,
        "train_metric": 0.3 + 0.05 * epoch,
        "val_accuracy": 0.25 + 0.05 * epoch,
        "val_loss": 1.6 - 0.1 * epoch,
        "temperature": None,
        "skip_share": 1 / 3,
        "entropy": 1.0 - 0.1 * epoch,
        "spread": 0.1 * epoch,
        "weights": [[value / sum(raw) for value in raw]] * len(EDGES),
        "score": 0.2 + 0.05 * epoch,
    }


def one_shot_run() -> ReportData:
    """The run with a one-shot method, and the record of its supernet."""
    base = report_data(trials=6)
    space = make_space("nasbench201")
    architecture = space.sample(Random(0))
    one_shot = {
        "supernet_score": 0.7,
        "discretized_score": 0.5,
        "from_scratch_score": 0.9,
        "discretization": "argmax",
        "kendall_tau": 0.4,
        "kendall_ci95": [0.1, 0.6],
        "kendall_n": 9,
        "supernet_seconds": 12.0,
        "stopped": None,
        "notes": ["The alphas are still about where they began."],
    }
    content = results(Random(0))
    darts = method("darts", "search", 0.97, Random(1), search_seconds=40.0, n_trials=3, architecture=ANSWERS, one_shot=one_shot)
    record = {
        "method": "darts",
        "settings": {"relaxation": "softmax", "auxiliary_skip": False},
        "edges": [{"name": name, "candidates": list(OPERATIONS), "target": name[-1]} for name in EDGES],
        "epochs": [supernet_epoch(epoch) for epoch in range(1, 7)],
        "discretization": {
            "method": "argmax",
            "supernet_score": 0.7,
            "discretized_score": 0.5,
            "architecture": architecture.to_json(),
        },
        "stopped": None,
        "notes": one_shot["notes"],
    }
    fields = {name: getattr(base, name) for name in type(base).__dataclass_fields__}
    return ReportData(
        **{
            **fields,
            "results": {**content, "methods": [darts, *content["methods"]]},
            "space": "nasbench201",
            "architecture": architecture.to_json(),
            "description": space.describe(architecture),
            "supernets": {"darts": Supernet(record, space.describe(architecture))},
        }
    )


@pytest.fixture(scope="session")
def one_shot_data() -> ReportData:
    """A run with a one-shot method, `darts`."""
    return one_shot_run()


@pytest.fixture(scope="session")
def supernet(one_shot_data: ReportData) -> Supernet:
    """The record of that run's supernet."""
    return one_shot_data.supernets["darts"]


@pytest.fixture(scope="session")
def controlled(supernet: Supernet) -> Supernet:
    """The same, as if a controller had drawn its paths: with growing reward and falling entropy."""
    epochs = [
        {**entry, "reward": 0.1 * epoch, "baseline": 0.1 * epoch - 0.05, "controller_entropy": 8.0 - epoch}
        for epoch, entry in enumerate(supernet.epochs, start=1)
    ]
    discretization = {**supernet.record["discretization"], "method": "policy", "supernet_score": None}
    return Supernet({**supernet.record, "method": "enas", "epochs": epochs, "discretization": discretization}, supernet.description)
