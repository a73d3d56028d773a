from __future__ import annotations

import inspect

import optuna

from archwright.search_strategy.optuna_adapter.sampler_names import SAMPLERS

ASK_FOR_ANOTHER_SAMPLER = {"PartialFixedSampler"}
"""It wraps a sampler object, which cannot be given as text."""


def test_the_table_holds_every_sampler_that_optuna_has():
    classes = [getattr(optuna.samplers, name) for name in optuna.samplers.__all__]
    finished = {cls.__name__ for cls in classes if inspect.isclass(cls) and not inspect.isabstract(cls)}
    assert {sampler.class_name for sampler in SAMPLERS.values()} == finished - ASK_FOR_ANOTHER_SAMPLER


def test_a_name_is_the_class_in_lower_case_without_sampler():
    assert all(name == sampler.class_name.removesuffix("Sampler").lower() for name, sampler in SAMPLERS.items())
