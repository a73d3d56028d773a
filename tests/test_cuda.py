"""Whole commands on a GPU, and what is different there. Skipped where there is none; CI has none."""

import csv
import json

import pytest

import archwright
from archwright.errors import InputError
from archwright.export.model_folder import load_model

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.usefixtures("without_onnx"),
    pytest.mark.timeout(300),
]

CHAIN = {
    "space.width": 8,
    "space.most_blocks": 1,
    "space.pooling": "stride",
    "space.connectivity": "residual",
    "space.activation": "relu",
}
SMALL = {"trials": 2, "epochs": 2, "seeds": 1, "baselines": (), "random": False}


def search(small_run, out, **changes):
    return archwright.search(small_run.source, out=out, **{**SMALL, "device": "cuda", **changes})


def table(result):
    with (result.path / "candidates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def curves(result):
    files = sorted(result.path.glob("trainings/*/result.json"))
    return [json.loads(file.read_text()) for file in files]


def test_a_search_on_a_gpu_that_two_workers_share(small_run, tmp_path):
    result = search(small_run, tmp_path / "run", strategy="random", workers=2, gpus=0.5)
    rows = table(result)
    assert {row["state"] for row in rows} == {"complete"}
    outcomes = curves(result)
    assert {outcome["precision"].partition("+")[0] for outcome in outcomes} <= {"bfloat16", "float16"}
    assert all(outcome["peak_memory_mb"] > 0 for outcome in outcomes)


def test_more_workers_than_a_gpu_has_parts_is_an_error(small_run, tmp_path):
    workers = 2 * torch.cuda.device_count() + 1
    with pytest.raises(InputError, match=f"{workers} workers with 0.5 of a GPU"):
        search(small_run, tmp_path / "run", strategy="random", workers=workers, gpus=0.5)


def test_a_training_on_more_gpus_than_there_are_is_an_error(small_run, tmp_path):
    devices = torch.cuda.device_count() + 1
    with pytest.raises(InputError, match=f"{devices} devices needs as many GPUs"):
        search(small_run, tmp_path / "run", strategy="random", devices=devices, workers=devices)


@pytest.mark.parametrize(
    ("strategy", "space", "settings"),
    [
        ("darts", "nasbench201", {"space.repeats": 1, "space.filters": 4}),
        ("pc_darts", "cell", {"space.cells": 1, "space.filters": 8, "space.blocks": 2}),
        ("gdas", "chain", CHAIN),
        ("enas", "cell", {"space.cells": 1, "space.filters": 8, "space.blocks": 2}),
    ],
)
def test_searches_with_shared_weights(small_run, tmp_path, strategy, space, settings):
    result = search(small_run, tmp_path / "run", strategy=strategy, space=space, settings=settings)
    assert result.results["methods"][0]["n_trials"] >= 1
    assert not result.results["skipped"]


def test_a_text(tmp_path):
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 100)
    settings = {"space.nodes": 4, "space.width": 16, "train.batch_size": 4}
    result = archwright.search(
        tmp_path / "text.txt", out=tmp_path / "run", strategy=("enas", "darts"), settings=settings, device="cuda", **SMALL
    )
    assert [method["n_trials"] >= 1 for method in result.results["methods"]] == [True, True]


def test_a_baseline_and_a_model_that_predicts_the_same_on_both_devices(small_run, tmp_path):
    result = search(small_run, tmp_path / "run", strategy="random", baselines=("resnet-tiny", "random_forest"))
    assert {method["name"] for method in result.results["methods"]} == {"random", "resnet-tiny", "random_forest"}
    model, x = load_model(result.path / "model"), torch.rand(8, 1, 8, 8) * 16
    with torch.inference_mode():
        on_cpu, on_gpu = model(x), model.cuda()(x.cuda()).cpu()
    torch.testing.assert_close(on_cpu, on_gpu, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("strategy", ["random", "darts"])
def test_a_run_by_minutes_measures_on_the_gpu(small_run, tmp_path, strategy):
    settings = {"space.repeats": 1, "space.filters": 4}
    asked = {"space": "nasbench201", "strategy": strategy, "settings": settings, "baselines": ("resnet-tiny", "random_forest")}
    result = search(small_run, tmp_path / "run", **asked, minutes=0.4, trials=None, epochs=None, workers=2, gpus=0.5)
    assert {row["state"] for row in table(result)} <= {"complete", "duplicate"}
    assert {method["name"]: len(method["runs"]) for method in result.results["methods"]} == {
        strategy: 1,
        "resnet-tiny": 1,
        "random_forest": 1,
    }


def test_too_little_memory_is_a_result(small_run, tmp_path):
    """Somebody else has taken nearly all of the GPU's memory: the search ends, and the table says why."""
    left = 1_500_000_000
    taken = torch.empty(torch.cuda.mem_get_info()[0] - left, dtype=torch.uint8, device="cuda")
    settings = {"space.filters": 1024, "space.cells": 1, "train.batch_size": 128}
    try:
        result = search(small_run, tmp_path / "run", strategy="random", space="cell", trials=1, settings=settings)
    finally:
        del taken
        torch.cuda.empty_cache()
    (row,) = (row for row in table(result) if row["stage"] == "search")
    assert row["state"] == "failed"
    assert "out of memory" in row["cause"]
