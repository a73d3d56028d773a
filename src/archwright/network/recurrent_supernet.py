"""All recurrent cells of a space in one language model, mixed by gates (Pham et al. 2018, section 2.1; Liu et al. 2019, section 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.architecture.recurrent_cell import INPUT, Averaged, RecurrentCell
from archwright.errors import InputError
from archwright.network.language_model import LanguageModel
from archwright.network.open_edges import OpenEdge, gate_shares, loose_shares, open_edges
from archwright.network.open_gates import OpenGates
from archwright.network.recurrent_cell import RecurrentCellModule
from archwright.network.shared_weights import check_gates, plain_module
from archwright.network.supernet import Choice, Edge, Mixture
from archwright.ops.activation import activation
from archwright.ops.recurrent_edges import Products, RecurrentEdges, products
from archwright.ops.variational_dropout import VariationalDropout


class RecurrentSupernet(nn.Module):
    """A language model whose recurrent cell has all edges: see `Supernet`. tokens (B, T) -> logits (B, T, vocabulary).

    Its edges are "0->1", "0->2", "1->2" and so on, from the cell's input (0) and every earlier node to each node, and the candidates
    on each are the activations; of the edges into a node an architecture keeps one. Every edge has matrices of its own, which its
    candidates share. `describe` gives an architecture's cell, and `compose` is its inverse.
    """

    def __init__(
        self,
        nodes: int,
        candidates: Sequence[str],
        *,
        vocabulary: int,
        width: int,
        highway: bool,
        averaged: Averaged,
        describe: Callable[[Architecture], RecurrentCell],
        compose: Callable[[RecurrentCell], Architecture],
    ) -> None:
        super().__init__()
        self.describe, self.compose = describe, compose
        self.highway, self.averaged = highway, averaged
        self.vocabulary, self.width = vocabulary, width
        pairs = [(source, target) for target in range(1, 1 + nodes) for source in range(target)]
        self.mixture = Mixture(
            tuple(Edge(_name(*pair), tuple(candidates), str(pair[1])) for pair in pairs),
            {str(target): 1 for target in range(1, 1 + nodes)},
        )
        cell = MixedRecurrentCell(pairs, candidates, width, highway=highway, averaged=averaged)
        self.model = LanguageModel(cell, vocabulary, width)

    def forward(self, tokens: Tensor, gates: Tensor) -> Tensor:
        """Raises ShapeError unless gates are (edges, candidates), and InputError where all gates into a node are zero."""
        check_gates(gates, self.mixture)
        logits: Tensor = self.model(tokens, gates)
        return logits

    def gates_of(self, architecture: Architecture) -> Tensor:
        """(edges, candidates), one for each node."""
        cell = self.describe(architecture)
        edges = zip(map(_name, cell.sources, cell.nodes), cell.activations, strict=True)
        return self.mixture.one_hot(list(edges))

    def architecture_of(self, choice: Choice) -> Architecture:
        """Raises InputError unless one edge is chosen into each node."""
        kept = [self._kept(int(target), choice) for target in self.mixture.targets]
        sources, activations = zip(*kept, strict=True)
        return self.compose(RecurrentCell(sources, activations, self.highway, self.averaged))

    def _kept(self, target: int, choice: Choice) -> tuple[int, str]:
        kept = [(source, choice[name]) for source in range(target) if (name := _name(source, target)) in choice]
        if len(kept) != 1:
            raise InputError(f"node {target} keeps {len(kept)} edges: a node of a recurrent cell reads one state, so choose one")
        return kept[0]

    def extract(self, architecture: Architecture) -> LanguageModel:
        """Dropout is as in a new one: none."""
        cell = self.describe(architecture)
        plain = plain_module(self, lambda: LanguageModel(RecurrentCellModule(cell, self.width), self.vocabulary, self.width))
        shared = self.model.state_dict()
        plain.load_state_dict({name: shared[name] for name in plain.state_dict()})
        return plain


class MixedRecurrentCell(nn.Module):
    """The recurrence of RecurrentCellModule with all edges, mixed by gates: x (T, B, H), state (B, H), gates (edges, candidates).

    A node is the sum of what its edges give, each times its gate, divided by the sum of the gates into the node.
    Differs: from DARTS, where a node is the plain sum under a batch normalisation; without one, a sum over ever more edges grows
    from step to step. Under one-hot gates both are the one edge. Loose ends: `loose_shares`.
    """

    def __init__(
        self, pairs: Sequence[tuple[int, int]], candidates: Sequence[str], width: int, *, highway: bool, averaged: Averaged
    ) -> None:
        super().__init__()
        self.pairs, self.averaged = pairs, averaged
        self.edges = RecurrentEdges(pairs, width, highway=highway)
        self.activations = nn.ModuleList(map(activation, candidates))
        self.dropout = VariationalDropout("hidden_dropout")

    def initial(self, batch: int, like: Tensor) -> Tensor:
        """Zeros (B, H)."""
        return like.new_zeros(batch, self.edges.width)

    def forward(self, x: Tensor, state: Tensor, gates: Tensor) -> tuple[Tensor, Tensor]:
        """Returns h_t of each step, (T, B, H), and the last."""
        shares = gate_shares(self.pairs, gates.to(x.dtype))
        opened, of_output = open_edges(self.pairs, shares), self._output_shares(shares)
        readers = {source: [edge.target for edge in edges] for source, edges in opened.items()}
        matrices, mask = self.edges.joined(readers), self.dropout.mask(state)
        outputs = []
        for of_input in self.edges.of_input(x, readers).unbind():
            states = self._states(of_input, state, opened, matrices, mask)
            state = of_output.mix([states[1 + number] for number in of_output.numbers])
            outputs.append(state)
        return torch.stack(outputs), state

    def _output_shares(self, shares: Tensor) -> OpenGates:
        """How much of each node is in the output; of nodes whose share is zero for good, nothing is computed."""
        nodes = self.pairs[-1][1]
        of_output = loose_shares(self.pairs, shares) if self.averaged == "loose_ends" else shares.new_full((nodes,), 1 / nodes)
        values = [1.0] * nodes if of_output.requires_grad else of_output.tolist()
        return OpenGates.of(of_output, values, "output")

    def _states(
        self,
        of_input: Tensor,
        state: Tensor,
        opened: Mapping[int, Sequence[OpenEdge]],
        matrices: Mapping[int, Tensor],
        mask: Tensor | None,
    ) -> dict[int, Tensor]:
        """The input and all nodes at one step."""
        states = {INPUT: state}
        for source, edges in opened.items():
            added = of_input if source == INPUT else None
            read = products(states[source], matrices[source], self.edges.parts, mask, added)
            for i, edge in enumerate(edges):
                term = self._term(edge, read, i)
                states[edge.target] = states[edge.target] + term if edge.target in states else term
        return states

    def _term(self, edge: OpenEdge, read: Products, i: int) -> Tensor:
        """What an edge gives to its node."""
        made = edge.gates.mix([self.activations[number](read.values[i]) for number in edge.gates.numbers])
        if read.gates is None:
            return made
        kept = read.state if edge.gates.weights is None else edge.strength * read.state
        return torch.lerp(kept, made, read.gates[i])


def _name(source: int, target: int) -> str:
    return f"{source}->{target}"
