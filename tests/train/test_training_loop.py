import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.splits import Split
from archwright.ops.carried_state import CarriedState
from archwright.train import training_loop
from archwright.train.averaged_sgd import NonMonotoneAveraging
from archwright.train.batches import Batches, Rows
from archwright.train.failure import Diverged, TimedOut
from archwright.train.training_loop import Training, run_training


class Killed(BaseException):
    """Like `kill -9`: cannot be caught as an Exception."""


class TwoOptimizers:
    """A step like that of a one-shot method: weights and architecture parameters, each with its own optimizer."""

    def __init__(self):
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
        self.alpha = nn.Linear(2, 2)
        self.weights = torch.optim.SGD(self.network.parameters(), lr=0.1, momentum=0.9)
        self.architecture = torch.optim.Adam(self.alpha.parameters(), lr=0.01)
        self.done = []

    @property
    def saved(self):
        return {"network": self.network, "alpha": self.alpha, "weights": self.weights, "architecture": self.architecture}

    def __call__(self, x, y, done):
        self.done.append(done)
        output = self.alpha(self.network(x))
        loss = nn.functional.cross_entropy(output, y)
        for optimizer in (self.weights, self.architecture):
            optimizer.zero_grad()
        loss.backward()
        for optimizer in (self.weights, self.architecture):
            optimizer.step()
        return loss.detach(), output.detach()

    def record(self):
        return {"learning_rate": 0.1}


def batches(count=40, size=8):
    x = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    split = Split(x, (x[:, 0] > 0).astype(np.int64), np.arange(count))
    rows = Rows(split, Problem("p", "classification", (3,), 2), Preprocessing((0.0,) * 3, (1.0,) * 3), torch.device("cpu"), False)
    return Batches(rows, size, 0, lambda x: x)


def training_of(step, values=None, **settings):
    """Five steps per epoch; the validation metric comes from `values`, one per epoch."""
    told = iter(values or [])

    def validate():
        return {"accuracy": next(told, 0.5), "loss": float(sum(p.detach().sum() for p in step.network.parameters()))}

    given = {"epochs": 3.0, **settings}
    return Training(
        step,
        step.network,
        batches(),
        validate,
        "accuracy",
        lambda output, y: float((output.argmax(1) == y).float().mean()),
        **given,
    )


def weights_of(step):
    return torch.cat([tensor.flatten() for part in (step.network, step.alpha) for tensor in part.parameters()])


@pytest.mark.parametrize(("epochs", "steps", "ends"), [(3.0, 15, [1, 2, 3]), (0.4, 2, [0.4]), (1.5, 8, [1, 1.6]), (0.01, 1, [0.2])])
def test_a_fractional_number_of_epochs_is_a_number_of_steps_and_ends_with_a_validation(epochs, steps, ends):
    step = TwoOptimizers()
    progress = run_training(training_of(step, epochs=epochs))
    assert len(step.done) == progress.step == steps
    assert [record["epoch"] for record in progress.curve] == pytest.approx(ends)
    assert step.done == pytest.approx([(i + 0.5) / steps for i in range(steps)])


def test_each_epoch_is_reported_as_it_ends():
    told = []
    progress = run_training(training_of(TwoOptimizers()), told.append)
    assert told == progress.curve
    assert set(told[0]) == {"epoch", "train_loss", "train_metric", "val_accuracy", "val_loss", "learning_rate", "seconds"}
    assert [record["seconds"] for record in told] == sorted(record["seconds"] for record in told)


def test_the_weights_of_the_best_epoch_are_kept():
    step, seen = TwoOptimizers(), []
    training = training_of(step, [0.5, 0.9, 0.9, 0.7], epochs=4.0)
    progress = run_training(
        training, lambda record: seen.append({name: t.clone() for name, t in step.network.state_dict().items()})
    )
    assert progress.best["epoch"] == 2
    assert all(torch.equal(progress.best_weights[name], seen[1][name]) for name in seen[1])
    assert not torch.equal(progress.best_weights["0.weight"], seen[3]["0.weight"])


def test_training_stops_when_it_has_not_improved_for_long_enough():
    progress = run_training(training_of(TwoOptimizers(), [0.5, 0.6, 0.6, 0.4, 0.9], epochs=5.0, patience=2))
    assert progress.epochs == 4


@pytest.mark.parametrize("killed_after", [1, 2])
def test_an_interrupted_training_ends_like_an_uninterrupted_one(tmp_path, killed_after):
    whole = TwoOptimizers()
    expected = run_training(training_of(whole, [0.1, 0.3, 0.2], checkpoint=tmp_path / "whole.pt"))

    def kill(record):
        if record["epoch"] == killed_after:
            raise Killed

    file = tmp_path / "parts.pt"
    with pytest.raises(Killed):
        run_training(training_of(TwoOptimizers(), [0.1, 0.3, 0.2], checkpoint=file), kill)
    torch.manual_seed(99)
    rest, told = TwoOptimizers(), []
    progress = run_training(training_of(rest, [0.1, 0.3, 0.2][killed_after:], checkpoint=file), told.append)
    assert torch.equal(weights_of(whole), weights_of(rest))
    assert len(told) == 3 - killed_after
    assert without_seconds(progress.curve) == without_seconds(expected.curve)
    assert progress.best["epoch"] == 2
    assert all(torch.equal(progress.best_weights[name], tensor) for name, tensor in expected.best_weights.items())


def test_a_shorter_training_is_the_beginning_of_a_longer_one(tmp_path):
    whole = TwoOptimizers()
    expected = run_training(training_of(whole, [0.1, 0.3, 0.2]))
    parts = TwoOptimizers()
    short = run_training(training_of(parts, [0.1, 0.3], until=2.0, checkpoint=tmp_path / "c.pt"))
    assert short.epochs == 2
    assert without_seconds(short.curve) == without_seconds(expected.curve[:2])
    rest = TwoOptimizers()
    progress = run_training(training_of(rest, [0.2], checkpoint=tmp_path / "c.pt"))
    assert parts.done + rest.done == whole.done
    assert without_seconds(progress.curve) == without_seconds(expected.curve)
    assert torch.equal(weights_of(whole), weights_of(rest))


def without_seconds(curve):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in curve]


def test_a_finished_training_is_not_repeated(tmp_path):
    training = training_of(TwoOptimizers(), checkpoint=tmp_path / "c.pt")
    first = run_training(training)
    step = TwoOptimizers()
    assert run_training(replace(training, step=step, network=step.network)).curve == first.curve
    assert step.done == []


def test_seconds_include_the_time_before_interruptions(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(training_loop.time, "perf_counter", lambda: now[0])

    class Slow(TwoOptimizers):
        def __call__(self, *args):
            now[0] += 1.0
            return super().__call__(*args)

    def kill(record):
        raise Killed

    with pytest.raises(Killed):
        run_training(training_of(Slow(), checkpoint=tmp_path / "c.pt"), kill, seconds=100.0)
    now[0] += 1000.0
    assert run_training(training_of(Slow(), checkpoint=tmp_path / "c.pt"), seconds=100.0).seconds == 115.0
    with pytest.raises(TimedOut, match="timed out after 112 s"):
        run_training(training_of(Slow(), checkpoint=tmp_path / "d.pt", time_limit=112.0), seconds=100.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training(value):
    class Diverging(TwoOptimizers):
        def __call__(self, x, y, done):
            loss, output = super().__call__(x, y, done)
            return (loss * value if done > 0.5 else loss), output

    with pytest.raises(Diverged, match="epoch 2"):
        run_training(training_of(Diverging()))


def test_a_validation_loss_that_is_not_finite_ends_the_training():
    with pytest.raises(Diverged, match="validation"):
        run_training(training_of(TwoOptimizers(), [0.5, math.nan]))


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(tmp_path, monkeypatch):
    def full(state, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training_loop, "save_checkpoint", full)
    progress = run_training(training_of(TwoOptimizers(), checkpoint=tmp_path / "c.pt"))
    assert progress.epochs == 3
    assert len(progress.notes) == 1
    assert "No space left on device" in progress.notes[0]


def test_a_step_can_end_the_training():
    step = TwoOptimizers()
    assert run_training(training_of(step, ended=lambda: len(step.done) >= 8)).epochs == 2


def test_if_lower_is_better_the_lowest_metric_is_kept():
    values = iter([0.5, 0.1, 0.7])
    training = training_of(TwoOptimizers())
    progress = run_training(replace(training, monitor="perplexity", validate=lambda: {"perplexity": next(values), "loss": 0.0}))
    assert progress.best["epoch"] == 2
    assert progress.best["val_perplexity"] == 0.1


def test_only_what_the_metric_needs_is_kept_from_each_batch():
    seen = []
    training = training_of(TwoOptimizers(), epochs=1.0)
    training = replace(training, kept=lambda output, y: output.argmax(1), train_metric=lambda kept, y: seen.append(kept) or 0.5)
    run_training(training)
    assert seen[0].shape == (40,)


class Calls(nn.Module):
    """A recurrent module whose state is the number of calls in its stream so far."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def initial(self, batch, like):
        return like.new_zeros(batch, 1)

    def forward(self, x, state):
        self.seen.append(int(state[0, 0]))
        return x, state + 1


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.carried = nn.Linear(3, 2), CarriedState(Calls())

    def forward(self, x):
        return self.linear(self.carried(x[None])[0])


def test_carried_states_are_reset_in_each_epoch():
    step = TwoOptimizers()
    step.network = Counted()
    run_training(training_of(step, epochs=2.0))
    assert step.network.carried.recurrence.seen == [*range(5), *range(5)]


class Averaged(TwoOptimizers):
    """A step whose weights are averaged from the first validation without improvement."""

    def __init__(self):
        super().__init__()
        self.averaging = NonMonotoneAveraging(self.network, 1)

    @property
    def saved(self):
        return {**super().saved, "averaging": self.averaging}

    def __call__(self, x, y, done):
        result = super().__call__(x, y, done)
        self.averaging.step_done()
        return result


LOSSES = [0.5, 0.4, 0.6, 0.3, 0.2]


def averaged_training(step, losses, **settings):
    told = iter(losses)

    def validate():
        return {"accuracy": float(step.network[0].weight.detach().sum()), "loss": next(told)}

    training = training_of(step, epochs=5.0, **settings)
    return replace(training, validate=validate, averaging=step.averaging)


def test_averaged_weights_are_validated_and_kept_but_not_trained():
    step, sums = Averaged(), []
    progress = run_training(averaged_training(step, LOSSES), lambda _: sums.append(float(step.network[0].weight.detach().sum())))
    judged = [record["val_accuracy"] for record in progress.curve]
    assert judged[:3] == sums[:3]  # the third validation begins it
    assert all(one != other for one, other in zip(judged[3:], sums[3:], strict=True))
    assert float(progress.best_weights["0.weight"].sum()) == pytest.approx(max(judged))


@pytest.mark.parametrize("killed_after", [2, 3, 4])
def test_averaging_after_an_interruption_continues_exactly(tmp_path, killed_after):
    expected = run_training(averaged_training(Averaged(), LOSSES))

    def kill(record):
        if record["epoch"] == killed_after:
            raise Killed

    file = tmp_path / "c.pt"
    with pytest.raises(Killed):
        run_training(averaged_training(Averaged(), LOSSES, checkpoint=file), kill)
    progress = run_training(averaged_training(Averaged(), LOSSES[killed_after:], checkpoint=file))
    assert without_seconds(progress.curve) == without_seconds(expected.curve)
    assert all(torch.equal(progress.best_weights[name], tensor) for name, tensor in expected.best_weights.items())
