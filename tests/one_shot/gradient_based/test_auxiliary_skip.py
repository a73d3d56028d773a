"""The fading skip connection of DARTS-."""

from __future__ import annotations

from types import SimpleNamespace

from archwright.one_shot.gradient_based.auxiliary_skip import auxiliary_skip_weight, without_auxiliary_skip


def test_it_fades_from_one_to_nothing():
    assert [auxiliary_skip_weight(done) for done in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]


def test_it_is_off_only_within():
    supernet = SimpleNamespace(auxiliary_skip=0.4)
    with without_auxiliary_skip(supernet):
        assert supernet.auxiliary_skip == 0.0
    assert supernet.auxiliary_skip == 0.4


def test_a_supernet_without_it_is_left_alone():
    supernet = SimpleNamespace()
    with without_auxiliary_skip(supernet):
        pass
    assert vars(supernet) == {}
