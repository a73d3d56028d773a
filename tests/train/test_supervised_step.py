import pytest
import torch
from torch import nn

from archwright.data.problem import Problem
from archwright.ops.drop_path import DropPath
from archwright.ops.variational_dropout import VariationalDropout
from archwright.train.precision import TrainingPrecision
from archwright.train.recipe import Recipe
from archwright.train.supervised_step import SupervisedStep

CPU = torch.device("cpu")
PROBLEM = Problem("p", "classification", (1, 6, 6), 2)


class Network(nn.Sequential):
    @property
    def auxiliary_point(self):
        return self[0]


def network():
    torch.manual_seed(0)
    return Network(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), DropPath(), nn.Flatten(), nn.Linear(64, 2))


def step_of(module, precision=None, **recipe):
    return SupervisedStep(module, PROBLEM, Recipe(**recipe), CPU, precision or TrainingPrecision())


def batch():
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(32) % 2
    return torch.randn(32, 1, 6, 6, generator=generator) + y[:, None, None, None], y


@pytest.mark.parametrize("precision", [TrainingPrecision(), TrainingPrecision("bfloat16", True)])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_steps_reduce_the_loss(precision, optimizer):
    module = network()
    step = step_of(module, precision, optimizer=optimizer, learning_rate=0.02, label_smoothing=0.1)
    x, y = batch()
    losses = [float(step(x, y, 0.3)[0]) for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())


def test_loss_and_output_are_of_the_batch_and_detached():
    module = network()
    x, y = batch()
    expected = module(x).detach()
    loss, output = step_of(module)(x, y, 0.0)
    assert torch.allclose(output, expected, atol=1e-6)
    assert float(loss) == pytest.approx(float(nn.functional.cross_entropy(expected, y)))
    assert not loss.requires_grad
    assert not output.requires_grad


def test_the_gradient_is_clipped_to_its_norm():
    module = network()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    recipe = {"momentum": 0.0, "weight_decay": 0.0, "learning_rate": 1.0, "warmup": 0.0}
    step_of(module, gradient_clip=0.01, **recipe)(*batch(), 0.0)
    moved = torch.cat([(a.detach() - b).flatten() for a, b in zip(module.parameters(), before, strict=True)]).norm()
    assert float(moved) == pytest.approx(0.01, rel=1e-3)


def test_drop_path_rises_linearly():
    module = network()
    step = step_of(module, drop_path=0.4)
    step(*batch(), 0.25)
    assert module[1].probability == pytest.approx(0.1)


def test_the_learning_rate_is_recorded():
    step = step_of(network(), learning_rate=0.2, warmup=0.5)
    step(*batch(), 0.25)
    assert step.record() == {"learning_rate": pytest.approx(0.1)}


def test_the_auxiliary_loss_trains_its_head_and_what_lies_before_it():
    moved = {}
    for weight in (0.0, 0.5):
        module = network()
        step = step_of(module, auxiliary=weight)
        assert ("auxiliary" in step.saved) == (weight > 0)
        step(*batch(), 0.5)
        moved[weight] = module.state_dict()
    assert not torch.equal(moved[0.0]["0.0.weight"], moved[0.5]["0.0.weight"])
    assert set(moved[0.0]) == set(moved[0.5])


def test_the_auxiliary_head_runs_in_lower_precision_too():
    loss, _ = step_of(network(), TrainingPrecision("bfloat16"), auxiliary=0.5)(*batch(), 0.5)
    assert torch.isfinite(loss)


def test_dropout_of_language_models_comes_from_the_recipe():
    module = nn.Sequential(VariationalDropout(), VariationalDropout("hidden_dropout"), VariationalDropout("embedding_dropout"))
    step_of(nn.Sequential(module, network()), dropout=0.3, hidden_dropout=0.2)
    assert [part.probability for part in module] == [0.3, 0.2, 0.0]


def test_averaged_sgd_saves_its_mean():
    step = step_of(network(), optimizer="nt_asgd", averaging_interval=0)
    assert step.saved["averaging"] is step.averaging
    step.averaging.validated(1.0)
    step.averaging.validated(2.0)
    step(*batch(), 0.5)
    assert step.saved["averaging"].state_dict()["count"] == 1
