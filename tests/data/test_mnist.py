from pathlib import Path

import numpy as np
import pytest

from archwright.data.load import load_problem
from archwright.data.mnist import FASHION_CLASSES, FASHION_FILES, MNIST_FILES, has_all_four

DEBIAN = Path(FASHION_FILES.system[0])


@pytest.mark.skipif(not has_all_four(DEBIAN), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_real_fashion_mnist(tmp_path):
    """Counts, shape and classes as published; the mean and standard deviation of the pixels are 0.2860 and 0.3530."""
    data = load_problem("fashion-mnist")
    problem = data.problem
    assert (problem.n_train, problem.n_val, problem.n_test) == (54000, 6000, 10000)
    assert (problem.input_shape, problem.task, problem.names) == ((1, 28, 28), "classification", FASHION_CLASSES)
    assert problem.augmentation == ("crop", "flip", "cutout")
    test = data.test.open("test", tmp_path / "log")
    assert np.array_equal(test.index, np.arange(60000, 70000))
    assert np.bincount(test.y).tolist() == [1000] * 10
    assert np.bincount(data.val.y).tolist() == [600] * 10
    assert data.train.x.dtype == np.uint8
    assert data.preprocessing.input_mean[0] / 255 == pytest.approx(0.2860, abs=5e-4)
    assert data.preprocessing.input_std[0] / 255 == pytest.approx(0.3530, abs=5e-4)
    assert not data.notes


@pytest.mark.parametrize(("name", "augmentation"), [("mnist", ("crop",)), ("fashion-mnist", ("crop", "flip", "cutout"))])
@pytest.mark.parametrize("dots", [True, False])
def test_the_name_finds_the_folder_of_the_variable(samples, tmp_path, monkeypatch, name, augmentation, dots):
    monkeypatch.setenv("ARCHWRIGHT_DATA", str(tmp_path))
    samples.idx_folder(tmp_path / name, dots=dots, zipped=not dots)
    problem = load_problem(name).problem
    assert (problem.name, problem.n_test, problem.augmentation) == (name, 20, augmentation)


def test_downloads_have_the_published_names_and_checksums():
    for files in (FASHION_FILES, MNIST_FILES):
        names = [item.file_name for item in files.downloads]
        assert names == [f"{p}-{w}-idx{a}-ubyte.gz" for p in ("train", "t10k") for w, a in (("images", 3), ("labels", 1))]
        assert all(len(item.md5) == 32 for item in files.downloads)
