"""Time and memory of a first-order DARTS step of the supernet, compared with the reference: see README.md."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import product

import torch
from reference_supernet import ReferenceSupernet
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from archwright.data.problem import Problem
from archwright.ops.mixed_nodes import MixedNodes
from archwright.ops.mixed_sum_kernel import PlainKernel
from archwright.ops.native import compiled_kernel
from archwright.search_space.cell import Cell

SIDE, CLASSES = 32, 10
PROBLEM = Problem("random", "classification", input_shape=(3, SIDE, SIDE), outputs=CLASSES)
REPEATS = {5: 1, 8: 2}
"""Normal cells between two reductions, per number of cells."""
CLIP = 5.0
Step = Callable[[], None]


@contextmanager
def frozen(weights: Iterable[Tensor]) -> Iterator[None]:
    """Within the context, no gradients of the weights are computed: for a step that only updates the gates."""
    learning = [weight for weight in weights if weight.requires_grad]
    for weight in learning:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in learning:
            weight.requires_grad_()


class Training:
    """The state of a step: a supernet, its alphas, both optimizers with DARTS' settings, and a batch for each."""

    def __init__(self, supernet, batch):
        torch.manual_seed(0)
        self.supernet = supernet
        self.alphas = (1e-3 * torch.randn(28, 8)).requires_grad_()
        self.weights = list(supernet.parameters())
        self.weight_optimizer = torch.optim.SGD(self.weights, 0.025, momentum=0.9, weight_decay=3e-4)
        self.alpha_optimizer = torch.optim.Adam([self.alphas], 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
        self.batches = [(torch.randn(batch, 3, SIDE, SIDE), torch.randint(CLASSES, (batch,))) for _ in range(2)]

    def loss(self, batch, alphas):
        x, y = self.batches[batch]
        return nn.functional.cross_entropy(self.supernet(x, alphas.softmax(dim=-1)), y)

    def update_weights(self):
        nn.utils.clip_grad_norm_(self.weights, CLIP)
        self.weight_optimizer.step()


def reference_step(training):
    """As in published implementations: each backward pass computes the gradients of all weights and alphas."""
    training.alpha_optimizer.zero_grad()
    training.loss(0, training.alphas).backward()
    training.alpha_optimizer.step()
    training.weight_optimizer.zero_grad()
    training.loss(1, training.alphas).backward()
    training.update_weights()


def own_step(training):
    """Each backward pass computes only the gradients that the update needs."""
    with frozen(training.weights):
        (training.alphas.grad,) = torch.autograd.grad(training.loss(0, training.alphas), [training.alphas])
    training.alpha_optimizer.step()
    gradients = torch.autograd.grad(training.loss(1, training.alphas.detach()), training.weights)
    for weight, gradient in zip(training.weights, gradients, strict=True):
        weight.grad = gradient
    training.update_weights()
    training.weight_optimizer.zero_grad()


def steps_for(channels, cells, batch):
    """The implementations by name; `native` only if it is built."""
    space = Cell(repeats=REPEATS[cells], filters=channels, reductions=2)
    reference = Training(ReferenceSupernet(channels, cells, CLASSES), batch)
    steps = {"reference": lambda: reference_step(reference)}
    for name, kernel in (("plain", PlainKernel()), ("native", compiled_kernel())):
        if kernel is not None:
            steps[name] = own_step_with(kernel, Training(space.supernet(PROBLEM), batch))
    return steps


def own_step_with(kernel, training):
    for module in training.supernet.modules():
        if isinstance(module, MixedNodes):
            module.kernel = kernel
    return lambda: own_step(training)


def seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def interleaved(steps, rounds):
    """Seconds of each step in each round, after a warm-up round that does not count."""
    for step in steps.values():
        step()
    return {name: [rounds_[i] for rounds_ in _rounds(steps, rounds)] for i, name in enumerate(steps)}


def _rounds(steps, rounds):
    return [[seconds(step) for step in steps.values()] for _ in range(rounds)]


def peak_bytes(step):
    """Peak memory of the tensors created during a step, from all allocations of PyTorch's CPU allocator."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        step()
    live = peak = 0
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


def measure(channels, cells, batch, rounds):
    steps = steps_for(channels, cells, batch)
    times = interleaved(steps, rounds)
    peaks = {name: peak_bytes(step) for name, step in steps.items()}

    def ratios(name):
        if name not in steps:
            return None, None
        return statistics.median(a / b for a, b in zip(times[name], times["reference"], strict=True)), peaks[name] / peaks[
            "reference"
        ]

    (time_ratio, memory_ratio), (native_time, native_memory) = ratios("plain"), ratios("native")
    return {
        "time_ratio": time_ratio,
        "memory_ratio": memory_ratio,
        "native_time_ratio": native_time,
        "native_memory_ratio": native_memory,
        "reference_seconds": statistics.median(times["reference"]),
        "threads": torch.get_num_threads(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, choices=(8, 16))
    parser.add_argument("--cells", type=int, choices=tuple(REPEATS))
    parser.add_argument("--batch", type=int, choices=(16, 64))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one line of JSON per setting")
    arguments = parser.parse_args()
    settings = product(
        *([v] if v else all_ for v, all_ in ((arguments.channels, (8, 16)), (arguments.cells, (5, 8)), (arguments.batch, (16, 64))))
    )
    if not arguments.json:
        print("| C | cells | batch | reference, s | time | memory | native time | native memory |\n|" + " --- |" * 8)
    for channels, cells, batch in settings:
        result = measure(channels, cells, batch, arguments.rounds)
        print(json.dumps(result) if arguments.json else row(channels, cells, batch, result), flush=True)


def row(channels, cells, batch, result):
    ratios = [result[key] for key in ("time_ratio", "memory_ratio", "native_time_ratio", "native_memory_ratio")]
    cells_ = [channels, cells, batch, f"{result['reference_seconds']:.2f}", *["" if r is None else f"{r:.2f}" for r in ratios]]
    return "| " + " | ".join(map(str, cells_)) + " |"


if __name__ == "__main__":
    main()
