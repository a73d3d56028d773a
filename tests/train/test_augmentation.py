from dataclasses import replace

import numpy as np
import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.train.augmentation import Shift, augmentation_names, make_augmentation

IMAGES = Problem("images", "classification", (2, 7, 14), 3, augmentation=("crop", "flip"))
SERIES = Problem("series", "classification", (2, 28), 3, augmentation=("crop",))
FLAT = Problem("flat", "classification", (5,), 3)


def batch(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape) + 1


def windows(sample, pads, border):
    """All windows of the padded sample, by brute force."""
    sides = sample.shape[1:]
    padded = np.broadcast_to(border, (len(sample), *(side + 2 * pad for side, pad in zip(sides, pads, strict=True)))).copy()
    padded[(slice(None), *(slice(pad, pad + side) for side, pad in zip(sides, pads, strict=True)))] = sample
    for place in np.ndindex(*(2 * pad + 1 for pad in pads)):
        yield padded[(slice(None), *(slice(start, start + side) for start, side in zip(place, sides, strict=True)))]


@pytest.mark.parametrize(("shape", "pads"), [((2, 7, 14), (1, 2)), ((3, 28), (4,))])
def test_a_crop_is_a_window_of_the_padded_sample_and_every_window_occurs(shape, pads):
    torch.manual_seed(0)
    border = torch.full((shape[0], *(1,) * len(pads)), -3.0)
    x = batch(1, *shape).expand(400, *shape)
    crops = Shift(shape, border)(x)
    assert crops.shape == x.shape
    expected = {window.tobytes() for window in windows(x[0].numpy(), pads, border.numpy())}
    assert {crop.tobytes() for crop in crops.numpy()} == expected


def test_each_sample_of_a_batch_is_shifted_by_its_own_distance():
    torch.manual_seed(0)
    x = batch(8, 1, 14, 14)
    crops = Shift((1, 14, 14), torch.zeros(1, 1, 1))(x)
    for sample, crop in zip(x.numpy(), crops.numpy(), strict=True):
        assert crop.tobytes() in {window.tobytes() for window in windows(sample, (2, 2), np.zeros((1, 1, 1), np.float32))}


def test_padding_is_four_pixels_at_28_and_32_and_one_at_8():
    assert [Shift((1, side, side), torch.zeros(1, 1, 1)).pads[0] for side in (8, 28, 32)] == [1, 4, 4]


def test_a_flip_mirrors_about_half_of_the_images():
    torch.manual_seed(0)
    x = batch(64, 1, 4, 5)
    flipped = make_augmentation(("flip",), (1, 4, 5), torch.zeros(1, 1, 1))(x)
    turned = [bool((a == b.flip(-1)).all()) for a, b in zip(flipped, x, strict=True)]
    kept = [bool((a == b).all()) for a, b in zip(flipped, x, strict=True)]
    assert all(a != b for a, b in zip(turned, kept, strict=True))
    assert 16 < sum(turned) < 48


def test_a_cutout_sets_a_square_of_half_the_side_to_zero():
    torch.manual_seed(0)
    x = torch.ones(16, 2, 8, 8)
    cut = make_augmentation(("cutout",), (2, 8, 8), torch.zeros(2, 1, 1))(x)
    for image in cut:
        rows, columns = torch.nonzero(image[0] == 0, as_tuple=True)
        assert (image[0] == 0).sum() == 16
        assert rows.max() - rows.min() == columns.max() - columns.min() == 3
        assert torch.equal(image[0], image[1])
    assert len({tuple(image.flatten().tolist()) for image in cut}) > 1


def test_the_same_random_state_gives_the_same_batch():
    augment = make_augmentation(("crop", "flip", "cutout"), (1, 14, 14), torch.zeros(1, 1, 1))
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(augment(batch(16, 1, 14, 14)))
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("asked", "problem", "epochs", "names"),
    [
        ("auto", IMAGES, 80, ("crop", "flip")),
        ("auto", IMAGES, 11, ("flip",)),
        ("auto", replace(IMAGES, augmentation=("crop", "flip", "cutout")), 39, ("crop", "flip")),
        ("auto", replace(IMAGES, augmentation=("crop", "flip", "cutout")), 40, ("crop", "flip", "cutout")),
        ("none", IMAGES, 80, ()),
        ("crop+cutout", IMAGES, 1, ("crop", "cutout")),
        ("auto", SERIES, 80, ("crop",)),
        ("auto", FLAT, 80, ()),
    ],
)
def test_names(asked, problem, epochs, names):
    assert augmentation_names(asked, problem, epochs) == names


@pytest.mark.parametrize(
    ("asked", "problem", "word"), [("crops", IMAGES, "cutout"), ("flip", SERIES, "(2, 28)"), ("crop", FLAT, "(5,)")]
)
def test_unknown_and_unsuitable_augmentations_are_errors(asked, problem, word):
    with pytest.raises(InputError) as error:
        augmentation_names(asked, problem, 80)
    assert word in str(error.value)
