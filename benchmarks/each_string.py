"""NAS-Bench-201 with each of its 15,625 strings counted as a separate network, as in published curves."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.architecture.architecture import Architecture, answers_as_text
from archwright.search_space.nasbench201 import NASBench201


@dataclass(frozen=True)
class EachString(NASBench201):
    name = "each_string"

    def canonical(self, architecture: Architecture) -> str:
        return answers_as_text(architecture.answers)
