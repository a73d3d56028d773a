"""Copies shared weights from a supernet to a plain module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from archwright.architecture.cell_graph import CellGraph
from archwright.errors import InputError, ShapeError
from archwright.network.cell_node import NodeModule
from archwright.network.supernet import Mixture
from archwright.ops.mixed_nodes import MixedNodes

Plain = TypeVar("Plain", bound=nn.Module)


def check_gates(gates: Tensor, mixture: Mixture) -> None:
    """Raises ShapeError unless there is one gate per edge and candidate."""
    if tuple(gates.shape) != mixture.shape:
        raise ShapeError(
            f"gates have shape {tuple(gates.shape)}: give one per edge and candidate, {mixture.shape}, "
            "with zeros after an edge's last candidate"
        )


def check_extractable(partial_channels: int) -> None:
    """Raises InputError if only part of the channels is mixed, so that the shared weights fit no plain network."""
    if partial_channels > 1:
        raise InputError(
            f"with partial_channels={partial_channels} the shared weights do not fit a plain network: "
            "train the architecture from scratch, or set partial_channels=1"
        )


def plain_module(supernet: nn.Module, make: Callable[[], Plain]) -> Plain:
    """The result of `make` with the supernet's device, precision and mode. Leaves the random state unchanged."""
    with torch.random.fork_rng(devices=[]):
        plain = make()
    like = next(supernet.parameters())
    return plain.to(like.device, like.dtype).train(supernet.training)


def copy_weights(shared: nn.Module, plain: nn.Module) -> None:
    """Copies all weights and statistics; a scale or shift that only the plain module has keeps its initial one or zero."""
    plain.load_state_dict({**plain.state_dict(), **shared.state_dict()})


def copy_nodes(shared: MixedNodes, plain: nn.ModuleList, graph: CellGraph) -> None:
    """Copies the weights of the operations in `graph` to its plain nodes (NodeModule each)."""
    for edges, node, module in zip(shared.edges_into, graph.nodes, plain, strict=True):
        for (state, name), operation in zip(node.edges, cast(NodeModule, module).operations, strict=True):
            copy_weights(shared.operation(edges[state], state, name), operation)
