"""archwright: neural architecture search in PyTorch that reports honestly whether the search was worth it.

These names are the public API. Each is imported on first access (PEP 562), so that `import archwright` and the command line start
without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwright.architecture.architecture import Architecture
    from archwright.data.arrays import Arrays
    from archwright.errors import InputError
    from archwright.evaluate.history import Candidate, History, Proposal
    from archwright.export.model_folder import load_model
    from archwright.main_job import Result, search
    from archwright.search_space import SearchSpace
    from archwright.search_strategy import Strategy
    from archwright.search_strategy.optuna_adapter.archwright_sampler import ArchwrightSampler
    from archwright.study.study import OpenProposal, Study
    from archwright.study.train_architecture import Trained, train_architecture
    from archwright.train.trained_model import predict

__version__ = "0.1.0"

__all__ = [
    "search",
    "Result",
    "Study",
    "OpenProposal",
    "train_architecture",
    "Trained",
    "Arrays",
    "load_model",
    "predict",
    "SearchSpace",
    "Architecture",
    "Strategy",
    "Proposal",
    "History",
    "Candidate",
    "ArchwrightSampler",
    "InputError",
    "__version__",
]

_MODULES = {
    "search": "archwright.main_job",
    "Result": "archwright.main_job",
    "Study": "archwright.study.study",
    "OpenProposal": "archwright.study.study",
    "train_architecture": "archwright.study.train_architecture",
    "Trained": "archwright.study.train_architecture",
    "Arrays": "archwright.data.arrays",
    "load_model": "archwright.export.model_folder",
    "predict": "archwright.train.trained_model",
    "SearchSpace": "archwright.search_space",
    "Architecture": "archwright.architecture.architecture",
    "Strategy": "archwright.search_strategy",
    "Proposal": "archwright.evaluate.history",
    "History": "archwright.evaluate.history",
    "Candidate": "archwright.evaluate.history",
    "ArchwrightSampler": "archwright.search_strategy.optuna_adapter.archwright_sampler",
    "InputError": "archwright.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module 'archwright' has no attribute {name!r}: choose from {', '.join(__all__)}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """All public names, imported yet or not."""
    return sorted({*globals(), *__all__})
