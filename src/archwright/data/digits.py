"""The 1,797 handwritten digits that come with scikit-learn (Alpaydin and Kaynak 1998, the test set of UCI)."""

from __future__ import annotations

import numpy as np

from archwright.data.dataset import Dataset
from archwright.data.raw_data import RawData


def read_digits() -> RawData:
    """Grey values 0 to 16, (1797, 8, 8)."""
    from sklearn.datasets import load_digits  # slow to import, and needed only here

    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype(np.uint8)
    return RawData(
        "digits", "digits", images, labels.astype(np.int64), class_names=tuple("0123456789"), layout="image", augmentation=("crop",)
    )


DIGITS = Dataset(
    "digits",
    "handwritten digits, 8x8 grey",
    "classification",
    (1, 8, 8),
    10,
    1797,
    "CC BY 4.0 (UCI), shipped with scikit-learn under BSD-3",
    "included in scikit-learn",
    read_digits,
)
