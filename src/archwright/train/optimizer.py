"""Optimizers and the learning rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from archwright.train.recipe import Recipe


def learning_rate(recipe: Recipe, done: float) -> float:
    """Linear warm-up to the peak over the share `recipe.warmup`, then a cosine to zero (Loshchilov & Hutter 2017,
    arXiv:1608.03983, eq. 5, one cycle; warm-up as Goyal et al. 2017, arXiv:1706.02677, section 2.2). Averaged SGD keeps the peak.

    done: share of all steps, in [0, 1].
    """
    if recipe.optimizer == "nt_asgd":
        return recipe.learning_rate
    if done < recipe.warmup:
        return recipe.learning_rate * done / recipe.warmup
    rest = (done - recipe.warmup) / (1 - recipe.warmup) if recipe.warmup < 1 else 0.0
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * rest))


def make_optimizer(recipe: Recipe, *modules: nn.Module, fused: bool) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, averaged SGD without momentum, or AdamW; norms and biases have no weight decay.

    `fused`: one kernel for all weights, which does not work with a gradient scaler.
    """
    parameters = list(dict.fromkeys(p for module in modules for p in module.parameters() if p.requires_grad))
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=fused)
    momentum = 0.0 if recipe.optimizer == "nt_asgd" else recipe.momentum
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=momentum, nesterov=momentum > 0, fused=fused)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the same rate for all weights."""
    for group in optimizer.param_groups:
        group["lr"] = rate
