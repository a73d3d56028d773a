"""How a controller learns from rewards: REINFORCE (Williams 1992) and proximal policy optimization (arXiv:1707.06347)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def moving_averages(rewards: Sequence[float], decay: float) -> list[float]:
    """The baseline of each reward: the exponential moving average of those before it (Zoph & Le 2017, section 3.2).

    b_1 = R_1, since nothing came before the first; then b_(k+1) = decay b_k + (1 - decay) R_k.
    """
    baselines = list(rewards[:1])
    for reward in rewards[:-1]:
        baselines.append(decay * baselines[-1] + (1 - decay) * reward)
    return baselines


def reinforce_loss(log_prob: Tensor, advantage: Tensor, behaviour: Tensor) -> Tensor:
    """Its gradient is minus the policy gradient, 1/m sum_k (R_k - b) grad log p(a_k) (Zoph & Le 2017, section 3.2).

    log_prob: (m,) under the controller that learns. advantage: (m,) R_k - b. behaviour: (m,) log-probabilities under the controller
    that sampled, an older one where several workers train at once. Returns a scalar.
    Differs: such older samples count by their importance p / p_old, at most 1; it is 1 on a single worker.
    """
    importance = (log_prob.detach() - behaviour).exp().clamp(max=1.0)
    return -(importance * advantage * log_prob).mean()


def ppo_loss(log_prob: Tensor, advantage: Tensor, behaviour: Tensor, clip: float) -> Tensor:
    """Minus the clipped surrogate objective (Schulman et al. 2017, arXiv:1707.06347, eq. 7).

    Shapes as in `reinforce_loss`; `clip` is epsilon. Where p = p_old its gradient is that of REINFORCE.
    """
    ratio = (log_prob - behaviour).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
