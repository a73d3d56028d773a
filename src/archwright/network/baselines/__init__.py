"""Hand-designed networks and a classical model, by name: what a searched network must beat. Imports torch only to build one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.papers import Cited, Papers, papers_named, papers_of
from archwright.plugins import find, first_line, known_names

if TYPE_CHECKING:
    from torch import nn

NETWORKS = {
    "resnet-tiny": "archwright.network.baselines.resnet:resnet_tiny",
    "resnet18": "archwright.network.baselines.resnet:resnet18",
    "resnet50": "archwright.network.baselines.resnet:resnet50",
    "densenet": "archwright.network.baselines.densenet:densenet",
    "vgg": "archwright.network.baselines.vgg:vgg",
    "googlenet": "archwright.network.baselines.googlenet:googlenet",
    "highway": "archwright.network.baselines.highway:highway",
    **{name: f"archwright.network.baselines.recurrent:{name}" for name in ("lstm", "gru")},
}
RECURRENT = ("lstm", "gru")
"""Baselines for text, built with as many parameters as the networks they are compared with."""
USUAL = ("resnet-tiny", "resnet18", "random_forest")
CLASSICAL = ("random_forest",)
"""Baselines that are not neural networks: they are fitted, not trained by gradient descent."""
SUMMARIES = {
    "resnet-tiny": "10-layer ResNet with an eighth of ResNet-18's filters (after He et al. 2016); an MLP for flat features",
    "resnet18": "ResNet-18 (He et al. 2016); for flat features a residual MLP (Gorishniy et al. 2021)",
    "resnet50": "ResNet-50 with bottlenecks (He et al. 2016); for flat features a residual MLP (Gorishniy et al. 2021)",
    "densenet": "DenseNet-BC with 100 layers and growth rate 12 (Huang et al. 2017)",
    "vgg": "VGG-16 with batch normalisation (Simonyan & Zisserman 2015)",
    "googlenet": "GoogLeNet with nine inception modules and batch normalisation (Szegedy et al. 2015)",
    "highway": "highway network, convolutional or for flat features (Srivastava et al. 2015)",
    "lstm": "single-layer LSTM for text, with as many parameters as the searched cells (Hochreiter & Schmidhuber 1997)",
    "gru": "single-layer GRU for text, with as many parameters as the searched cells (Cho et al. 2014)",
    "random_forest": "scikit-learn's random forest on flattened inputs (Breiman 2001)",
}
PAPERS: dict[str, Cited] = {
    "resnet-tiny": "he2016",
    "resnet18": ("he2016", "gorishniy2021"),
    "resnet50": ("he2016", "gorishniy2021"),
    "densenet": "huang2017",
    "vgg": "simonyan2015",
    "googlenet": "szegedy2015",
    "highway": "srivastava2015",
    "lstm": ("hochreiter1997", "gers2000", "jozefowicz2015"),
    "gru": "cho2014",
    "random_forest": "breiman2001",
}
GROUP = "archwright.baselines"
_KNOWN = {**NETWORKS, **dict.fromkeys(CLASSICAL, "")}


def baseline_names() -> list[str]:
    """The baselines of the library and of installed packages (entry points `archwright.baselines`), the classical ones last."""
    return [*known_names(NETWORKS, GROUP), *CLASSICAL]


def baseline_summary(name: str) -> str:
    """One line about a baseline; for an external one, its first docstring line. Raises UnknownName if it does not exist."""
    if name in SUMMARIES:
        return SUMMARIES[name]
    return first_line(find(name, _KNOWN, GROUP, "baseline"))


def baseline_papers(name: str) -> Papers:
    """The papers of a baseline; an external one has them as an attribute `paper`. Raises UnknownName if it does not exist."""
    return papers_named(PAPERS[name], name) if name in PAPERS else papers_of(find(name, _KNOWN, GROUP, "baseline"), name)


def is_network(name: str) -> bool:
    """Whether the baseline is a network that `build_baseline` builds. Raises UnknownName if it does not exist."""
    if name not in NETWORKS and name not in CLASSICAL:
        find(name, _KNOWN, GROUP, "baseline")
    return name not in CLASSICAL


def build_baseline(name: str, problem: Problem, parameters: int | None = None) -> nn.Module:
    """The network `name` (or `module:function`) for this problem: (B, *problem.input_shape) -> (B, problem.outputs).

    `parameters`: approximate number of parameters of a recurrent network. Raises UnknownName if it does not exist, InputError if it
    is not a network or does not support such data.
    """
    if name in CLASSICAL:
        raise InputError(f"baseline {name!r} is not a network: choose from {', '.join(known_names(NETWORKS, GROUP))}")
    check_baseline(name, problem)
    build = find(name, _KNOWN, GROUP, "baseline")
    network: nn.Module = build(problem, parameters) if name in RECURRENT else build(problem)
    return network


def check_baseline(name: str, problem: Problem) -> None:
    """Raises InputError if a baseline of the library does not support the problem's task."""
    known = name in CLASSICAL or name in NETWORKS
    if known and problem.level is not None and name not in RECURRENT:
        raise InputError(f"baseline {name!r} does not support text such as {problem.name}: choose from {', '.join(RECURRENT)}")


def usual_baselines(problem: Problem) -> tuple[str, ...]:
    """The baselines that a search is compared with by default."""
    return RECURRENT if problem.level is not None else USUAL
