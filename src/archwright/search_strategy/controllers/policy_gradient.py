"""Policy-gradient losses of a controller: REINFORCE (Williams 1992) and PPO (Schulman et al. 2017, arXiv:1707.06347)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def moving_averages(rewards: Sequence[float], decay: float) -> list[float]:
    """The baseline b of each reward R: the exponential moving average of earlier rewards (Zoph & Le 2017, section 3.2).

    b_1 = R_1, since no reward precedes the first; then b_(k+1) = decay b_k + (1 - decay) R_k.
    """
    baselines = list(rewards[:1])
    for reward in rewards[:-1]:
        baselines.append(decay * baselines[-1] + (1 - decay) * reward)
    return baselines


def reinforce_loss(log_prob: Tensor, advantage: Tensor, behaviour: Tensor) -> Tensor:
    """REINFORCE: its gradient is -1/m sum_k (R_k - b) grad log p(a_k) (Zoph & Le 2017, section 3.2).

    log_prob: (m,) under the current controller. advantage: (m,) R_k - b. behaviour: (m,) log-probabilities under the controller
    that sampled, an older one if several workers train at once. Returns a scalar.
    Differs: samples of an older controller are weighted by their importance p / p_old, at most 1; on a single worker it is 1.
    """
    importance = (log_prob.detach() - behaviour).exp().clamp(max=1.0)
    return -(importance * advantage * log_prob).mean()


def ppo_loss(log_prob: Tensor, advantage: Tensor, behaviour: Tensor, clip: float) -> Tensor:
    """Minus the clipped surrogate objective (Schulman et al. 2017, arXiv:1707.06347, eq. 7).

    Shapes as in `reinforce_loss`; `clip` is epsilon. Where p = p_old its gradient is that of REINFORCE.
    """
    ratio = (log_prob - behaviour).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
