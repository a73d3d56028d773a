"""A search space of your own: `decide` defines what can be chosen, `build` turns a choice into a network.

From the command line, in this folder: `archwright search digits --space own_space:Plain --trials 20`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from torch import nn

import archwright

DEPTHS, KERNELS, WIDTHS = (2, 4, 6), (1, 3, 5), (8, 16, 32)


@dataclass(frozen=True)
class Layer:
    kernel: int
    width: int


class Plain(archwright.SearchSpace):
    """A chain of convolutions: depth first, then one kernel and one width per layer."""

    def decide(self, choose):
        depth = choose("depth", DEPTHS)
        return [Layer(choose(f"{i}/kernel", KERNELS), choose(f"{i}/width", WIDTHS)) for i in range(depth)]

    def build(self, layers: Sequence[Layer], problem) -> nn.Module:
        """(B, C, H, W), already normalised -> (B, outputs)."""
        blocks: list[nn.Module] = []
        channels = problem.input_shape[0]
        for layer in layers:
            blocks += [
                nn.Conv2d(channels, layer.width, layer.kernel, padding="same", bias=False),
                nn.BatchNorm2d(layer.width),
                nn.ReLU(),
            ]
            channels = layer.width
        return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, problem.outputs))

    # Everything below is optional.

    def for_problem(self, problem):
        if problem.dimensions != 2:
            raise archwright.InputError(f"space 'plain' takes images (C, H, W), not inputs of shape {problem.input_shape}")
        return self

    def count(self) -> int:
        return sum((len(KERNELS) * len(WIDTHS)) ** depth for depth in DEPTHS)


def main() -> None:
    space, rng = Plain(), Random(0)
    architecture = space.sample(rng)
    print(f"{space.count():,} architectures; one of them: {dict(architecture.answers)}")
    print(f"a mutation of it: {dict(space.mutate(architecture, rng).answers)}")

    # Given by name, not as `Plain()`, the space can be found when the model is loaded: it is in this module, not in `__main__`.
    result = archwright.search(
        "digits",
        space="own_space:Plain",
        trials=2,
        epochs=1,
        seeds=1,
        baselines=("resnet-tiny",),
        executor="serial",
        out="runs/own-space",
    )
    print(result.table())
    print(result.verdict)


if __name__ == "__main__":
    main()
