import numpy as np
import pytest
import torch

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.splits import Split
from archwright.train import batches as module
from archwright.train.batches import Batches, Rows

CPU = torch.device("cpu")
PREPROCESSING = Preprocessing((100.0,), (50.0,))


def rows_of(x, y, preprocessing=PREPROCESSING, channels_last=False, task="classification"):
    problem = Problem("p", task, x.shape[1:], 3)
    return Rows(Split(x, y, np.arange(len(x))), problem, preprocessing, CPU, channels_last)


def numbered(count):
    return rows_of(np.arange(count, dtype=np.float32).reshape(count, 1), np.arange(count))


def same(x):
    return x


def test_an_epoch_has_every_sample_once_in_its_own_order():
    batches = Batches(numbered(24), 8, 5, same)
    epochs = [torch.cat([y for _, y in batches.epoch(number)]).tolist() for number in (0, 1, 0)]
    assert batches.per_epoch == 3
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(24))
    assert epochs[0] == epochs[2] != epochs[1]


def test_another_seed_gives_another_order():
    orders = [torch.cat([y for _, y in Batches(numbered(24), 8, seed, same).epoch(0)]).tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]


def test_samples_left_out_of_an_epoch_occur_in_others():
    batches = Batches(numbered(10), 4, 0, same)
    seen = [{int(y) for _, ys in batches.epoch(number) for y in ys} for number in range(10)]
    assert all(len(epoch) == 8 for epoch in seen)
    assert set.union(*seen) == set(range(10))


def test_a_split_smaller_than_a_batch_is_one_batch():
    batches = Batches(numbered(5), 128, 0, same)
    assert [len(y) for _, y in batches.epoch(0)] == [5]


def test_inputs_are_normalised_and_belong_to_their_targets():
    for x, y in Batches(numbered(12), 4, 0, same).epoch(0):
        assert torch.allclose(x[:, 0], (y - 100) / 50)


def test_byte_images_are_normalised_too():
    x = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    preprocessing = Preprocessing((1.0, 2.0, 3.0), (2.0, 4.0, 8.0))
    given, _ = rows_of(x, np.array([0, 1]), preprocessing).take(slice(0, 2))
    expected = (x.astype(np.float32) - np.array([1, 2, 3]).reshape(3, 1, 1)) / np.array([2, 4, 8]).reshape(3, 1, 1)
    assert given.dtype == torch.float32
    assert np.allclose(given.numpy(), expected)


def test_targets_of_a_regression_are_standardised():
    y = np.array([[1.0, 10.0], [3.0, 30.0]], dtype=np.float32)
    preprocessing = Preprocessing((0.0,), (1.0,), (2.0, 20.0), (1.0, 10.0))
    _, given = rows_of(np.zeros((2, 1), np.float32), y, preprocessing, task="regression").take(slice(0, 2))
    assert given.tolist() == [[-1, -1], [1, 1]]


def test_memory_mapped_inputs_give_the_same_batches(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 1, 4, 4)).astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    kept = rows_of(mapped, np.arange(40))
    monkeypatch.setattr(module, "KEPT_BYTES", 10)
    read = rows_of(mapped, np.arange(40))
    assert isinstance(kept.x, torch.Tensor)
    assert isinstance(read.x, np.ndarray)
    for (a, y), (b, z) in zip(Batches(kept, 8, 0, same).epoch(0), Batches(read, 8, 0, same).epoch(0), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(y, z)
    for (a, _), (b, _) in zip(kept.in_order(), read.in_order(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("channels_last", [False, True])
def test_batches_have_the_requested_memory_format(channels_last):
    rows = rows_of(np.zeros((8, 3, 4, 4), np.float32), np.arange(8), Preprocessing((0.0,) * 3, (1.0,) * 3), channels_last)
    x, _ = next(Batches(rows, 4, 0, lambda x: x.contiguous()).epoch(0))
    assert x.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_evaluation_takes_all_rows_in_order():
    rows = numbered(1300)
    batches = [y for _, y in rows.in_order()]
    assert len(batches) > 1
    assert torch.cat(batches).tolist() == list(range(1300))


def test_only_the_given_rows_are_used():
    among = np.array([3, 5, 8, 9, 11, 12, 20])
    batches = Batches(numbered(30), 3, 0, same, among)
    assert batches.per_epoch == 2
    for epoch in range(4):
        taken = torch.cat([y for _, y in batches.epoch(epoch)]).tolist()
        assert len(set(taken)) == 6
        assert set(taken) <= set(among.tolist())


def test_a_batch_by_its_number_is_a_batch_of_its_epoch():
    batches = Batches(numbered(30), 8, 0, same)
    one_by_one = [batches.batch(number)[1].tolist() for number in (7, 0, 5, 2, 1)]
    in_epochs = [y.tolist() for epoch in range(3) for _, y in batches.epoch(epoch)]
    assert one_by_one == [in_epochs[number] for number in (7, 0, 5, 2, 1)]


def windows_of_a_text(count):
    problem = Problem("t", "language_modelling", (3,), 1000, level="word")
    x = np.arange(3 * count).reshape(count, 3)
    return Rows(Split(x, x + 1, np.arange(count)), problem, Preprocessing((), ()), CPU, False)


def test_windows_of_a_text_follow_each_other_in_streams_in_every_epoch():
    batches = Batches(windows_of_a_text(11), 2, 7, same)
    epochs = [[x for x, _ in batches.epoch(number)] for number in (0, 1)]
    assert [x[:, 0].tolist() for x in epochs[0]] == [[0, 15], [3, 18], [6, 21], [9, 24], [12, 27]]
    assert all(torch.equal(x, other) for x, other in zip(*epochs, strict=True))
    assert epochs[0][0].dtype == torch.int64


def test_an_evaluation_of_a_text_takes_each_window_once():
    rows = windows_of_a_text(70)
    pairs = list(rows.in_order())
    assert torch.cat([y for _, y in pairs]).flatten().sort().values.tolist() == list(range(1, 211))
    assert all(torch.equal(x + 1, y) for x, y in pairs)
