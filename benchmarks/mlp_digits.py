"""A conditional space with a table of all its networks, trained on digits: dense networks with one to three layers.

`python benchmarks/mlp_digits.py` regenerates the included `mlp_digits.csv.gz`, in about ten minutes on one core.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from archwright import SearchSpace
from archwright.architecture.question import Choose
from archwright.data.problem import Problem

TABLE = Path(__file__).with_name("mlp_digits.csv.gz")
SEEDS = (0, 1)
EPOCHS, TRAINING_ROWS = 8, 600


@dataclass(frozen=True)
class MLPs(SearchSpace):
    """3,615 networks: first the depth, then a width and an activation per layer, so that few questions are unconditional."""

    name = "mlp_digits"

    def decide(self, choose: Choose) -> list[tuple[int, str]]:
        layers = choose("layers", [1, 2, 3])
        return [
            (choose(f"{i}/width", [4, 8, 16, 32, 64]), choose(f"{i}/activation", ["relu", "tanh", "identity"]))
            for i in range(layers)
        ]

    def build(self, description: Any, problem: Problem) -> Any:
        """(B, features) -> (B, outputs)."""
        from torch import nn

        layers: list[nn.Module] = [nn.Flatten()]
        for width, activation in description:
            layers += [nn.LazyLinear(width), {"relu": nn.ReLU(), "tanh": nn.Tanh(), "identity": nn.Identity()}[activation]]
        return nn.Sequential(*layers, nn.LazyLinear(problem.outputs))


def accuracies(layers: list[tuple[int, str]], digits: Any) -> tuple[float, float]:
    """Validation and test accuracy in percent, means over the seeds, after a few epochs of Adam with batch size 32."""
    import torch
    from torch.nn import functional as F

    (x, y), *held_out = digits
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        network = MLPs().build(layers, Problem("digits", "classification", (64,), 10))
        network(x[:1])
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                F.cross_entropy(network(x[rows]), y[rows]).backward()
                optimizer.step()
        with torch.no_grad():
            found.append([100 * float((network(xs).argmax(dim=1) == ys).float().mean()) for xs, ys in held_out])
    valid, test = map(mean, zip(*found, strict=True))
    return valid, test


def main() -> None:
    import torch
    from sklearn.datasets import load_digits

    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)  # PyTorch warns that lazy layers are experimental
    x, y = load_digits(return_X_y=True)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    parts = order.split([TRAINING_ROWS, 600, len(x) - TRAINING_ROWS - 600])
    digits = [(torch.tensor(x[rows] / 16, dtype=torch.float32), torch.tensor(y[rows])) for rows in parts]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["architecture", "digits_valid", "digits_test"])
    space = MLPs()
    for architecture in space.enumerate():
        valid, test = accuracies(space.describe(architecture), digits)
        table.writerow([json.dumps(dict(architecture.answers)), f"{valid:.3f}", f"{test:.3f}"])
    TABLE.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main()
