"""Which operations a search favoured, epoch by epoch: their shares of all weights, as stacked areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archwright.report.chart import FAINT, SERIES, quiet_axes, series_colour, svg_of, thin
from archwright.report.operation_families import FAMILIES, family
from archwright.report.report_data import Supernet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_OPERATIONS = 8
"""With more operations than this, families are shown instead."""
NO_CONNECTION = "none"
SIZE = (3.5, 2.4)
LOWEST_OPACITY = 0.4
"""The opacity of the last operation of a family; the first one's is 1."""


@dataclass(frozen=True)
class Share:
    """An operation, or a family of operations: its share of the weights in each epoch, in [0, 1], and how it is drawn.

    `colour`: the colour number of its family, negative for a faint one. `opacity` tells members of a family apart.
    """

    name: str
    values: tuple[float, ...]
    colour: int
    opacity: float

    @property
    def css(self) -> str:
        """The CSS colour, for a legend."""
        return "var(--muted)" if self.colour < 0 else series_colour(self.colour)


def operation_shares(supernet: Supernet) -> list[Share]:
    """The shares, family by family, within a family in the order of the edges' candidates; empty if no edge mixes operations.

    Edges that mix sizes (numbers), or only decide whether there is a connection, do not count.
    """
    edges = [(i, edge["candidates"]) for i, edge in enumerate(supernet.edges) if _mixes_operations(edge["candidates"])]
    names = list(dict.fromkeys(name for _, candidates in edges for name in candidates))
    labels = {name: name if len(names) <= MAX_OPERATIONS else family(name)[0] for name in names}
    groups: dict[tuple[str, int], list[str]] = {}
    for name in names:
        members = groups.setdefault(family(name), [])
        members += [labels[name]] if labels[name] not in members else []
    sums = [_sums(edges, labels, epoch["weights"]) for epoch in supernet.epochs]
    return [
        Share(label, tuple(of.get(label, 0.0) for of in sums), colour, _opacity(i, len(members)))
        for (_, colour), members in sorted(groups.items(), key=lambda group: _place(group[0][0]))
        for i, label in enumerate(members)
    ]


def _mixes_operations(candidates: Sequence[str]) -> bool:
    return sum(name != NO_CONNECTION and not name.isdigit() for name in candidates) > 1


def _sums(
    edges: Sequence[tuple[int, Sequence[str]]], labels: Mapping[str, str], weights: Sequence[Sequence[float]]
) -> dict[str, float]:
    """The shares of an epoch's weights by label."""
    found: dict[str, float] = {}
    for i, candidates in edges:
        for name, weight in zip(candidates, weights[i], strict=True):
            found[labels[name]] = found.get(labels[name], 0.0) + weight
    total = sum(found.values()) or 1.0
    return {label: value / total for label, value in found.items()}


def _opacity(place: int, count: int) -> float:
    return 1.0 - (1.0 - LOWEST_OPACITY) * place / max(1, count - 1)


def _place(name: str) -> int:
    order = [known for _, known, _ in FAMILIES]
    return order.index(name) if name in order else len(order)


def shares_chart(supernet: Supernet, number: int) -> str | None:
    """Stacked areas over epochs, the first operation at the bottom. number: of the strategy. None with fewer than two epochs."""
    shares = operation_shares(supernet)
    if not shares or len(supernet.epochs) < 2:
        return None
    epochs = [float(entry["epoch"]) for entry in supernet.epochs]

    def draw(figure: Figure) -> None:
        axes = quiet_axes(figure.add_subplot(), "epoch", "share of the weights (%)")
        below = [0.0] * len(epochs)
        for share in shares:
            above = [low + 100 * value for low, value in zip(below, share.values, strict=True)]
            colour = FAINT if share.colour < 0 else SERIES[share.colour]
            x, lows, highs = zip(*thin(list(zip(epochs, below, above, strict=True))), strict=True)
            axes.fill_between(x, lows, highs, color=colour, alpha=share.opacity, linewidth=0)
            below = above
        axes.set_ylim(0, 100)
        axes.set_xlim(epochs[0], epochs[-1])
        axes.grid(visible=False)

    return svg_of(f"supernet-shares-{number}", SIZE, draw, "Each operation's share of all weights over epochs")
