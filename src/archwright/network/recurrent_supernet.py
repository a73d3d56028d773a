"""All recurrent cells of a space in one language model, mixed by gates (Liu et al. 2019, arXiv:1806.09055, section 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from archwright.architecture.architecture import Architecture
from archwright.architecture.recurrent_cell import INPUT, Averaged, RecurrentCell
from archwright.errors import InputError
from archwright.formatting import plural
from archwright.network.edge_gates import OpenGates
from archwright.network.language_model import LanguageModel
from archwright.network.recurrent_cell import RecurrentCellModule
from archwright.network.recurrent_gates import OpenReaders, gate_shares, loose_shares, open_readers
from archwright.network.shared_weights import check_gates, plain_module
from archwright.network.supernet import Choice, Edge, Mixture
from archwright.ops.mixed_activation import MixedActivation
from archwright.ops.recurrent_edges import RecurrentEdges, edge_name, products
from archwright.ops.variational_dropout import VariationalDropout


class RecurrentSupernet(nn.Module):
    """A language model whose recurrent cell has all edges: see `Supernet`. tokens (B, T) -> logits (B, T, vocabulary).

    Its edges are "0->1", "0->2", "1->2" and so on, from the cell's input (0) and every earlier node to each node, and the
    candidates on each are the activations; an architecture keeps one of the edges into each node. Every edge has its own matrices,
    which its candidates share. `describe` returns an architecture's cell, and `compose` is its inverse.
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
            tuple(Edge(edge_name(*pair), tuple(candidates), str(pair[1])) for pair in pairs),
            {str(target): 1 for target in range(1, 1 + nodes)},
        )
        cell = MixedRecurrentCell(pairs, candidates, width, highway=highway, averaged=averaged)
        self.model = LanguageModel(cell, vocabulary, width)

    def forward(self, tokens: Tensor, gates: Tensor) -> Tensor:
        """Raises ShapeError unless gates are (edges, candidates), and InputError if all gates into a node are zero."""
        check_gates(gates, self.mixture)
        logits: Tensor = self.model(tokens, gates)
        return logits

    def gates_of(self, architecture: Architecture) -> Tensor:
        """(edges, candidates): one for each node."""
        cell = self.describe(architecture)
        edges = zip(map(edge_name, cell.sources, cell.nodes), cell.activations, strict=True)
        return self.mixture.one_hot(list(edges))

    def architecture_of(self, choice: Choice) -> Architecture:
        """Raises InputError unless one edge into each node is chosen."""
        kept = [self._kept(int(target), choice) for target in self.mixture.targets]
        sources, activations = zip(*kept, strict=True)
        return self.compose(RecurrentCell(sources, activations, self.highway, self.averaged))

    def _kept(self, target: int, choice: Choice) -> tuple[int, str]:
        kept = [(source, choice[name]) for source in range(target) if (name := edge_name(source, target)) in choice]
        if len(kept) != 1:
            raise InputError(f"node {target} has {plural(len(kept), 'edge')}: a node of a recurrent cell needs exactly one")
        return kept[0]

    def extract(self, architecture: Architecture) -> LanguageModel:
        """Dropout is off, as in a new language model."""
        cell = self.describe(architecture)
        plain = plain_module(self, lambda: LanguageModel(RecurrentCellModule(cell, self.width), self.vocabulary, self.width))
        shared = self.model.state_dict()
        plain.load_state_dict({name: shared[name] for name in plain.state_dict()})
        return plain


class MixedRecurrentCell(nn.Module):
    """The recurrence of RecurrentCellModule with all edges, mixed by gates: x (T, B, H), state (B, H), gates (edges, candidates).

    A node is the gated sum of its incoming edges, divided by the sum of the gates into the node. Differs: in DARTS, a node is the
    plain sum followed by a batch normalisation; without one, a sum over many edges would grow from step to step. Under one-hot
    gates both equal the single edge. Also, the edges into a node do not share matrices: as in ENAS, each pair of nodes has its own.
    Loose ends: `loose_shares`.
    """

    def __init__(
        self, pairs: Sequence[tuple[int, int]], candidates: Sequence[str], width: int, *, highway: bool, averaged: Averaged
    ) -> None:
        super().__init__()
        self.pairs, self.candidates, self.averaged = pairs, candidates, averaged
        self.edges = RecurrentEdges(pairs, width, highway=highway)
        self.dropout = VariationalDropout("hidden_dropout")

    def initial(self, batch: int, like: Tensor) -> Tensor:
        """Zeros (B, H)."""
        return like.new_zeros(batch, self.edges.width)

    def forward(self, x: Tensor, state: Tensor, gates: Tensor) -> tuple[Tensor, Tensor]:
        """Returns h_t of each step, (T, B, H), and the last."""
        shares = gate_shares(self.pairs, gates.to(x.dtype))
        opened = open_readers(self.pairs, shares)
        step = MixedStep(self, opened, self._output_shares(shares), self.dropout.mask(state))
        outputs = []
        for of_input in self.edges.of_input(x, {INPUT: opened[INPUT].targets}).unbind():
            state = step(of_input, state)
            outputs.append(state)
        return torch.stack(outputs), state

    def _output_shares(self, shares: Tensor) -> OpenGates:
        """The weight of each node in the output; nodes with a constant weight of zero are left out."""
        nodes = self.pairs[-1][1]
        of_output = loose_shares(self.pairs, shares) if self.averaged == "loose_ends" else shares.new_full((nodes,), 1 / nodes)
        values = [1.0] * nodes if of_output.requires_grad else of_output.tolist()
        return OpenGates.of(of_output, values, "output")


class MixedStep:
    """One step of a mixed cell, created once per pass: of_input (B, parts x readers x H), h_(t-1) (B, H) -> h_t (B, H)."""

    def __init__(
        self, cell: MixedRecurrentCell, opened: Mapping[int, OpenReaders], of_output: OpenGates, mask: Tensor | None
    ) -> None:
        self.opened, self.of_output, self.mask, self.parts = opened, of_output, mask, cell.edges.parts
        self.matrices = cell.edges.joined({source: readers.targets for source, readers in opened.items()})
        self.mixtures = {source: MixedActivation(cell.candidates, readers.shares) for source, readers in opened.items()}
        self.strengths = {source: readers.shares.sum(dim=1, keepdim=True) for source, readers in opened.items()}

    def __call__(self, of_input: Tensor, state: Tensor) -> Tensor:
        states = {INPUT: state}
        for source, readers in self.opened.items():
            terms = self._terms(source, states[source], of_input if source == INPUT else None)
            for target, term in zip(readers.targets, terms.unbind(dim=1), strict=True):
                states[target] = states[target] + term if target in states else term
        return self.of_output.mix([states[1 + number] for number in self.of_output.numbers])

    def _terms(self, source: int, state: Tensor, added: Tensor | None) -> Tensor:
        """The contributions of a state to its readers, (B, readers, H)."""
        read = products(state, self.matrices[source], self.parts, self.mask, added)
        made = self.mixtures[source](read.values)
        return made if read.gates is None else torch.lerp(self.strengths[source] * state[:, None], made, read.gates)
