"""A recipe: how a network is trained. One object, the same for searched networks, final trainings and baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """Settings of one training (`--set train.KEY=VALUE`).

    `learning_rate` is the peak, reached after `warmup` (a share of all steps), then a cosine to zero. `drop_path` is the final
    probability, rising linearly. `auxiliary` weighs the auxiliary head's loss, 0 is off. `augmentation` is "auto" (what the
    data set allows), "none", or a "+"-joined choice of crop, flip, cutout. `patience`: epochs without a better validation
    score before the training stops, 0 is never. `precision`: "auto" takes the fastest on the device at hand.
    """

    optimizer: Literal["sgd", "adamw"] = "sgd"
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
