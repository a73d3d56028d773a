"""Charts of a supernet's training: learning curves, diagnostics, and how sparse its weights became."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archwright.formatting import finite
from archwright.report.chart import FAINT, INK, SERIES, axis_name, quiet_axes, shown, svg_of, thin
from archwright.report.report_data import Supernet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 20
DIAGNOSTICS = {"entropy": "entropy", "spread": "spread", "skip_share": "share of skip connections"}
"""The diagnostics of a search, each between 0 and 1, and their names in the legend."""
SIZE = (3.5, 2.4)

Line = list[tuple[float, float]]


def learning_chart(supernet: Supernet, metric: str, what: str, number: int) -> str | None:
    """Training (dashed), validation of the supernet (solid), and for the metric each epoch's snapshot (dots).

    what: "metric" or "loss". number: of the strategy, keeps ids apart. None with fewer than two epochs.
    """
    word = metric if what == "metric" else "loss"
    lines = {name: _line(supernet, name) for name in (f"train_{what}", f"val_{word}", *(["score"] if what == "metric" else []))}

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "epoch", axis_name(word))
        _plot(axes, word, lines[f"train_{what}"], color=FAINT, linestyle=(0, (3, 2)), linewidth=1.2)
        _plot(axes, word, lines[f"val_{word}"], color=SERIES[number % len(SERIES)])
        _plot(axes, word, lines.get("score", []), color=INK, linestyle="none", marker="o", markersize=2.5)
        axes.set_xlim(left=0)

    if max(map(len, lines.values())) < 2:
        return None
    return svg_of(f"supernet-{what}-{number}", SIZE, draw, f"{axis_name(word)} of the supernet over epochs")


def diagnostics_chart(supernet: Supernet, number: int) -> str | None:
    """Entropy and spread of the weights, mean over edges, and the share of skip connections, over epochs."""
    lines = {name: _line(supernet, name) for name in DIAGNOSTICS}
    if max(map(len, lines.values())) < 2:
        return None

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "epoch", "share of the maximum")
        for colour, line in zip(SERIES, lines.values(), strict=False):
            _plot(axes, "", line, color=colour)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlim(left=0)

    return svg_of(f"supernet-diagnostics-{number}", SIZE, draw, f"{', '.join(DIAGNOSTICS.values())} over epochs")


def reward_chart(supernet: Supernet, number: int) -> str | None:
    """A controller's rewards and their moving average, the baseline (dashed), each averaged over the updates of an epoch."""
    lines = [_line(supernet, "reward"), _line(supernet, "baseline")]

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "epoch", "reward")
        _plot(axes, "", lines[1], color=FAINT, linestyle=(0, (3, 2)), linewidth=1.2)
        _plot(axes, "", lines[0], color=SERIES[number % len(SERIES)])
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)

    if len(lines[0]) < 2:
        return None
    return svg_of(f"supernet-reward-{number}", SIZE, draw, "Reward and baseline of the controller over epochs")


def controller_entropy_chart(supernet: Supernet, number: int) -> str | None:
    """The entropy of a controller's policy over epochs."""
    line = _line(supernet, "controller_entropy")

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "epoch", "entropy (nats)")
        _plot(axes, "", line, color=SERIES[number % len(SERIES)])
        axes.set_ylim(bottom=0, top=1.08 * max(value for _, value in line) or 1.0)
        axes.set_xlim(left=0)

    if len(line) < 2:
        return None
    return svg_of(f"supernet-controller-entropy-{number}", SIZE, draw, "Entropy of the controller over epochs")


def weight_histogram(supernet: Supernet, number: int) -> str | None:
    """A histogram of the last epoch's weights of all edges."""
    weights = last_weights(supernet)
    if not weights:
        return None

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "final weight", "number of candidates")
        axes.hist(weights, bins=BINS, range=(0.0, max(1.0, *weights)), color=SERIES[number % len(SERIES)])

    return svg_of(f"supernet-weights-{number}", SIZE, draw, "Histogram of the final weights of all candidates on all edges")


def last_weights(supernet: Supernet) -> list[float]:
    """The expected gates of all candidates on all edges in the last epoch."""
    return [weight for edge in supernet.epochs[-1]["weights"] for weight in edge] if supernet.epochs else []


def _line(supernet: Supernet, name: str) -> Line:
    pairs = [(finite(entry.get("epoch")), finite(entry.get(name))) for entry in supernet.epochs]
    return [(epoch, value) for epoch, value in pairs if epoch is not None and value is not None]


def _plot(axes: Axes, word: str, line: Sequence[tuple[float, float]], **style: Any) -> None:
    if line:
        epochs, values = zip(*thin(line), strict=True)
        axes.plot(epochs, [shown(word, value) if word else value for value in values], **style)
