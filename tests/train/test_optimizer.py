import pytest
import torch
from torch import nn

from archwright.train.optimizer import learning_rate, make_optimizer, set_learning_rate
from archwright.train.recipe import Recipe


@pytest.mark.parametrize(
    ("done", "rate"), [(0.0, 0.0), (0.1, 0.2), (0.2, 0.4), (0.6, 0.2), (1.0, 0.0), (0.4, 0.4 * (1 + 2**-0.5) / 2)]
)
def test_the_rate_rises_to_its_peak_and_then_follows_a_cosine_to_zero(done, rate):
    assert learning_rate(Recipe(learning_rate=0.4, warmup=0.2), done) == pytest.approx(rate)


def test_without_warm_up_it_begins_at_the_peak():
    assert learning_rate(Recipe(learning_rate=0.4, warmup=0.0), 0.0) == 0.4


def test_norms_and_biases_are_not_decayed():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    optimizer = make_optimizer(Recipe(weight_decay=0.1), network, fused=False)
    decayed = {parameter for group in optimizer.param_groups if group["weight_decay"] for parameter in group["params"]}
    assert decayed == {network[0].weight, network[3].weight}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 6


@pytest.mark.parametrize(("name", "kind"), [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)])
def test_one_step_of_each_optimizer_reduces_the_loss(name, kind):
    torch.manual_seed(0)
    layer = nn.Linear(3, 1)
    optimizer = make_optimizer(Recipe(optimizer=name, learning_rate=0.01), layer, fused=True)
    assert isinstance(optimizer, kind)
    x = torch.randn(16, 3)
    before = layer(x).square().mean()
    before.backward()
    optimizer.step()
    assert layer(x).square().mean() < before


def test_weights_that_two_modules_share_are_updated_once():
    layer = nn.Linear(3, 1)
    optimizer = make_optimizer(Recipe(), layer, layer, fused=False)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


def test_setting_the_rate_reaches_every_weight():
    optimizer = make_optimizer(Recipe(), nn.Linear(3, 1), fused=False)
    set_learning_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


def test_averaged_sgd_keeps_its_rate_and_has_no_momentum():
    recipe = Recipe(optimizer="nt_asgd", learning_rate=3.0)
    assert [learning_rate(recipe, done) for done in (0.0, 0.5, 1.0)] == [3.0] * 3
    assert make_optimizer(recipe, nn.Linear(2, 2), fused=False).param_groups[0]["momentum"] == 0
