"""The matrices of a recurrent cell, one per edge, and the products of a state with the matrices of all nodes that read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Readers = Mapping[int, Sequence[int]]
"""For each state that is read, the nodes that read it; state 0 is the cell's input."""


class RecurrentEdges(nn.Module):
    """A matrix (H, parts, H) for each edge (source, target), and another one for x_t if the source is 0, the cell's input.

    parts: 1, or 2 with `highway`: one for the activation, one for the gate. Nothing is shared between edges, and there are no
    biases (Pham et al. 2018, arXiv:1802.03268, section 2.1). Initialised uniformly within 1 / sqrt(H), as PyTorch's recurrent
    layers. Differs: the papers use a fixed 0.1 and 0.04, for widths of 1000 and 850.
    """

    def __init__(self, edges: Iterable[tuple[int, int]], width: int, *, highway: bool) -> None:
        super().__init__()
        self.width, self.parts = width, 2 if highway else 1
        edges = list(edges)
        self.of_states = nn.ParameterDict({edge_name(*edge): self._matrix() for edge in edges})
        self.of_inputs = nn.ParameterDict({edge_name(*edge): self._matrix() for edge in edges if edge[0] == 0})

    def _matrix(self) -> nn.Parameter:
        return nn.Parameter(torch.empty(self.width, self.parts, self.width).uniform_(-(self.width**-0.5), self.width**-0.5))

    def joined(self, readers: Readers) -> dict[int, Tensor]:
        """For each state the concatenated matrices of its readers, (H, parts x readers x H)."""
        return {source: _concatenated(self.of_states, source, targets) for source, targets in readers.items()}

    def of_input(self, x: Tensor, readers: Readers) -> Tensor:
        """The products with x for all time steps at once: (T, B, H) -> (T, B, parts x readers of the input x H)."""
        return x @ _concatenated(self.of_inputs, 0, readers[0])


@dataclass(frozen=True)
class Products:
    """The products of a state for its readers, (B, readers, H): `values` before the activation, and the `gates` of a highway."""

    values: Tensor
    gates: Tensor | None


def products(state: Tensor, matrix: Tensor, parts: int, mask: Tensor | None, added: Tensor | None = None) -> Products:
    """state (B, H), times `mask` (B, H), times one of the `joined` matrices, plus `added` (B, parts x readers x H).

    Returned in the state's precision, regardless of the precision of the product.
    """
    masked = state if mask is None else state * mask
    product = masked @ matrix if added is None else torch.addmm(added, masked, matrix)
    width = state.shape[1]
    separated = product.to(state.dtype).view(-1, parts, matrix.shape[1] // (parts * width), width)  # -1: any batch size in ONNX
    values, *gates = separated.unbind(dim=1)
    return Products(values, gates[0].sigmoid() if gates else None)


def _concatenated(matrices: nn.ParameterDict, source: int, targets: Sequence[int]) -> Tensor:
    return torch.stack([matrices[edge_name(source, target)] for target in targets], dim=2).flatten(1)


def edge_name(source: int, target: int) -> str:
    """The name of the edge from `source` to `target`."""
    return f"{source}->{target}"
