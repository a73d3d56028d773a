"""Layers whose first channels can be used alone: how a supernet holds narrow and wide layers in one set of weights.

Channel masks of FBNetV2 (Wan et al. 2020, arXiv:2004.05565, section 3.1): the layer of each width consists of the first channels of
the widest one, so the sum over the widths, each weighted by its gate, is the widest layer times a mask,

    sum_w gate[w] * y[:count[w]]  =  y * mask,    mask[c] = sum_w gate[w] * [c < count[w]],

and costs no more than one layer. Channels beyond the widest open width are not computed at all.

Differs: the mask is applied as the scale of the batch normalisation, before the activation instead of after it. This costs neither
memory nor time and is equivalent for ReLU, and under one-hot gates for any activation that maps zero to zero. The normalisations
have no scale and shift of their own, which could undo the mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.ops.convolution import is_unsafe, read_by
from archwright.ops.global_batch_norm import global_batch_norm, process_group_of

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
Conv = nn.Conv1d | nn.Conv2d


def channel_mask(gates: Tensor, counts: Sequence[int]) -> Tensor:
    """For each channel, the sum of the gates of all widths that include it.

    gates: (widths,), starting with the narrowest. counts: their channels, ascending. Returns (counts[-1],).
    """
    totals = gates.flip(0).cumsum(0).flip(0)  # (widths,): the gates of this width and all wider ones
    added = [count - before for before, count in zip([0, *counts], counts, strict=False)]
    return torch.cat([total.expand(channels) for total, channels in zip(totals, added, strict=True)])


def first_channels(layer: nn.Module, x: Tensor, outputs: int, *, mask: Tensor | None = None, reads: Tensor | None = None) -> Tensor:
    """The output of `layer` restricted to the input channels of x and to its first `outputs` channels.

    layer: a sequence of one convolution (optionally after a depthwise one) or linear layer, batch normalisation without scale, and
    operations on each channel alone. x: (B, inputs, ...). mask: (outputs,), the scale of the normalisation; None for ones.
    reads: (inputs,) int64, the layer's input channels that x holds; None for the first ones. Returns (B, outputs, ...).
    """
    for leaf in _leaves(layer):
        if isinstance(leaf, BatchNorm):
            x = _normalise(leaf, x, mask)
        elif isinstance(leaf, nn.Linear | Conv):
            x = _apply(leaf, x, _weight(leaf, outputs, x.shape[1], reads))
        else:
            x = leaf(x)
    return x


def load_first_channels(plain: nn.Module, layer: nn.Module, *, reads: Tensor | None = None) -> None:
    """Fills the narrower `plain` with copies from `layer`, so that its output equals that of `first_channels` without a mask.

    plain: has the same leaf modules in the same order, and may be on the meta device. Its normalisations get scale 1 and shift 0.
    """
    state: dict[str, Tensor] = {}
    names = {module: f"{name}." if name else "" for name, module in plain.named_modules()}
    for leaf, narrow in zip(_leaves(layer), _leaves(plain), strict=True):
        state |= {names[narrow] + key: tensor for key, tensor in _state_of(leaf, narrow, reads).items()}
    plain.load_state_dict(state, assign=True)


def channels_of(layer: nn.Module) -> int:
    """The number of channels of the layer's batch normalisation."""
    return next(module.num_features for module in layer.modules() if isinstance(module, BatchNorm))


def without_scale(module: nn.Module) -> None:
    """Replaces all batch normalisations in `module` by new ones without scale and shift."""
    for name, child in module.named_children():
        if isinstance(child, BatchNorm):
            setattr(module, name, type(child)(child.num_features, affine=False))
        else:
            without_scale(child)


def _leaves(layer: nn.Module) -> Iterator[nn.Module]:
    return (module for module in layer.modules() if next(module.children(), None) is None)


def _weight(leaf: nn.Linear | Conv, outputs: int, inputs: int, reads: Tensor | None) -> Tensor:
    """The weights from the inputs read to the first outputs; a depthwise convolution has one filter per input."""
    columns = slice(inputs) if reads is None else reads
    return leaf.weight[columns] if _is_depthwise(leaf) else leaf.weight[:outputs][:, columns]


def _is_depthwise(leaf: nn.Linear | Conv) -> bool:
    return not isinstance(leaf, nn.Linear) and leaf.groups > 1


def _apply(leaf: nn.Linear | Conv, x: Tensor, weight: Tensor) -> Tensor:
    if isinstance(leaf, nn.Linear):
        return functional.linear(x, weight, leaf.bias)
    convolve = functional.conv1d if isinstance(leaf, nn.Conv1d) else functional.conv2d
    groups = len(weight) if _is_depthwise(leaf) else 1
    if is_unsafe(x.shape[1], leaf.kernel_size, leaf.stride):
        return convolve(read_by(x, leaf.stride), weight, leaf.bias, groups=groups)
    return convolve(x, weight, leaf.bias, leaf.stride, leaf.padding, leaf.dilation, groups)


def _normalise(leaf: BatchNorm, x: Tensor, mask: Tensor | None) -> Tensor:
    """Batch normalisation of the first channels, times the mask; updates their running statistics while training."""
    momentum = leaf.momentum
    if leaf.training:
        batches = leaf.get_buffer("num_batches_tracked").add_(1)
        momentum = 1.0 / float(batches) if momentum is None else momentum  # None: the mean over all batches
    mean, variance = (leaf.get_buffer(name)[: x.shape[1]] for name in ("running_mean", "running_var"))
    process_group = process_group_of(leaf)
    if leaf.training and process_group.size > 1:
        return global_batch_norm(x, (mean, variance), mask, None, momentum or 0.0, leaf.eps, process_group)
    return functional.batch_norm(x, mean, variance, mask, None, leaf.training, momentum or 0.0, leaf.eps)


def _state_of(leaf: nn.Module, narrow: nn.Module, reads: Tensor | None) -> dict[str, Tensor]:
    """Copies of the weights or statistics of `leaf` that `narrow` contains."""
    if isinstance(leaf, BatchNorm) and isinstance(narrow, BatchNorm):
        state = {name: leaf.get_buffer(name)[: narrow.num_features].clone() for name in ("running_mean", "running_var")}
        scale = torch.ones_like(state["running_mean"])
        batches = leaf.get_buffer("num_batches_tracked").clone()
        return {**state, "weight": scale, "bias": torch.zeros_like(scale), "num_batches_tracked": batches}
    if isinstance(leaf, nn.Linear | Conv) and isinstance(narrow, nn.Linear | Conv):
        inputs = narrow.in_features if isinstance(narrow, nn.Linear) else narrow.in_channels
        weight = _weight(leaf, len(narrow.weight), inputs, reads).detach().clone()
        return {"weight": weight} if leaf.bias is None else {"weight": weight, "bias": leaf.bias.detach().clone()}
    return {}
