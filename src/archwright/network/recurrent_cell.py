"""The recurrent cells of ENAS and DARTS as plain modules (Pham et al. 2018, arXiv:1802.03268, section 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archwright.architecture.recurrent_cell import INPUT, RecurrentCell
from archwright.ops.activation import activation
from archwright.ops.recurrent_edges import RecurrentEdges, products
from archwright.ops.variational_dropout import VariationalDropout


class RecurrentCellModule(nn.Module):
    """A `Recurrence` (`ops/carried_state.py`) whose inputs and states (B, H) have the same width. At each step,

        h_i = act_i(x_t W_x,i + h_(t-1) W_h,i)   if node i reads the cell's input,
        h_i = act_i(h_j W_i,j)                   if it reads node j,

    and h_t is the mean of the cell's outputs. With a highway (Zilly et al. 2017, arXiv:1607.03474; as in DARTS' recurrent cell)
    h_i = s + c_i (act_i(...) - s), where s is h_j or h_(t-1), and c_i is a sigmoid of products of the same inputs with separate
    matrices. One dropout mask per sequence, the same for all states.
    """

    def __init__(self, cell: RecurrentCell, width: int) -> None:
        super().__init__()
        self.readers, self.outputs = cell.readers, cell.outputs
        self.edges = RecurrentEdges(zip(cell.sources, cell.nodes, strict=True), width, highway=cell.highway)
        self.activations = nn.ModuleList(map(activation, cell.activations))
        self.dropout = VariationalDropout("hidden_dropout")

    def initial(self, batch: int, like: Tensor) -> Tensor:
        """Zeros (B, H)."""
        return like.new_zeros(batch, self.edges.width)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x: (T, B, H), state: (B, H). Returns h_t of each step, (T, B, H), and the last."""
        matrices, mask = self.edges.joined(self.readers), self.dropout.mask(state)
        outputs = []
        for of_input in self.edges.of_input(x, self.readers).unbind():
            state = self._step(of_input, state, matrices, mask)
            outputs.append(state)
        return torch.stack(outputs), state

    def _step(self, of_input: Tensor, state: Tensor, matrices: dict[int, Tensor], mask: Tensor | None) -> Tensor:
        states = {INPUT: state}
        for source, targets in self.readers.items():
            added = of_input if source == INPUT else None
            read = products(states[source], matrices[source], self.edges.parts, mask, added)
            for i, (target, values) in enumerate(zip(targets, read.values.unbind(dim=1), strict=True)):
                made = self.activations[target - 1](values)
                states[target] = made if read.gates is None else torch.lerp(states[source], made, read.gates[:, i])
        total: Tensor = sum((states[node] for node in self.outputs[1:]), states[self.outputs[0]])
        return total / len(self.outputs)
