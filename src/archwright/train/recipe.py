"""A recipe: how a network is trained. The same object is used for searched networks, final trainings and baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

from archwright.data.problem import Task
from archwright.settings import check_settings, with_settings


@dataclass(frozen=True)
class Recipe:
    """Settings of one training (`--set train.KEY=VALUE`).

    `learning_rate` is the peak, reached after `warmup` (a share of all steps), followed by cosine decay to zero. `drop_path` is the
    final probability, which increases linearly. `auxiliary` is the weight of the auxiliary head's loss, 0 is off. `augmentation`
    is "auto" (what the data set allows and the training is long enough for), "none", or a "+"-joined choice of crop, flip, cutout.
    `patience`: epochs without a better validation score before the training stops, 0 is never. `precision`: "auto" chooses what is
    usually fastest on the device by rule, "measure" what is fastest by timing.

    For language models only: `dropout` of inputs and outputs of the recurrence, `hidden_dropout` of its state, `embedding_dropout`
    of whole words, each with one mask per sequence. Optimizer "nt_asgd" is averaged SGD at a constant rate, which begins to average
    when a validation loss is worse than the best of all but the last `averaging_interval`.
    """

    optimizer: Literal["sgd", "adamw", "nt_asgd"] = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 128
    warmup: float = 0.15
    label_smoothing: float = 0.0
    drop_path: float = 0.0
    auxiliary: float = 0.0
    gradient_clip: float = 5.0
    augmentation: str = "auto"
    patience: int = 0
    precision: Literal["auto", "measure", "32", "bf16", "16"] = "auto"
    dropout: float = 0.0
    hidden_dropout: float = 0.0
    embedding_dropout: float = 0.0
    averaging_interval: int = 5

    def __post_init__(self) -> None:
        dropouts = ("drop_path", "dropout", "hidden_dropout", "embedding_dropout")
        shares = dict.fromkeys(("momentum", "warmup", "label_smoothing", *dropouts), (0.0, 1.0))
        names = ("learning_rate", "weight_decay", "auxiliary", "gradient_clip", "patience", "averaging_interval")
        non_negative = dict.fromkeys(names, (0.0, inf))
        check_settings(self, "train", batch_size=(1, inf), **shares, **non_negative)


RATES: Mapping[str, float] = {"sgd": 0.1, "adamw": 0.001, "nt_asgd": 0.1}
TEXT_RATES: Mapping[str, float] = {"sgd": 4.0, "adamw": 0.002, "nt_asgd": 10.0}
TEXT: Mapping[str, Any] = {"gradient_clip": 0.25, "weight_decay": 0.0, "warmup": 0.1}
"""Defaults for language models."""


def recipe_for(n_train: int, given: Mapping[str, Any], task: Task = "classification") -> Recipe:
    """A recipe with these settings; by default, batch size and learning rate depend on the number of training samples.

    Small data sets get small batches, so that an epoch has at least 32 steps if possible: the largest such power of two between 16
    and 128. The learning rate scales with the root of the batch size, and AdamW's is a hundredth of SGD's. For a text, a batch has
    4 to 32 streams, gradients are clipped to norm 0.25, and the rate is so large that most gradients are clipped.
    Raises UnknownSetting for an unknown key or value.
    """
    text = task == "language_modelling"
    given = {**TEXT, **given} if text else given
    asked = with_settings(Recipe, given, "train")
    least, largest = (4, 32) if text else (16, 128)
    fitting = min(largest, max(least, 1 << max(n_train // 32, 1).bit_length() - 1))
    batch_size = asked.batch_size if "batch_size" in given else fitting
    usual = TEXT_RATES[asked.optimizer] if text else RATES[asked.optimizer] * (batch_size / 128) ** 0.5
    rate = asked.learning_rate if "learning_rate" in given else round(usual, 6)
    return with_settings(Recipe, {**given, "batch_size": batch_size, "learning_rate": rate}, "train")
