"""What a search has found, in order."""

from __future__ import annotations

from archwright.architecture.architecture import Architecture
from archwright.one_shot.supernet.found_architectures import FoundArchitecture, derived_candidates


def test_the_conclusion_is_derived_even_if_it_is_not_among_the_best():
    found = [FoundArchitecture(Architecture("s", {}, {"q": i}), 1.0 - i / 10, 1.0) for i in range(5)]
    conclusion = found[4].architecture
    assert derived_candidates(found, conclusion, 3) == [found[0], found[1], found[4]]
    assert derived_candidates(found, found[1].architecture, 3) == found[:3]
    assert derived_candidates(found, conclusion, 1) == [found[4]]
