"""The built-in data sets by name, and those of installed packages (entry points `archwright.datasets`)."""

from __future__ import annotations

from typing import Any

from archwright.data.dataset import Dataset
from archwright.errors import UnknownName
from archwright.plugins import find, known_names

BUILT_IN = {
    "digits": "archwright.data.digits:DIGITS",
    "fashion-mnist": "archwright.data.mnist:FASHION_MNIST",
    "mnist": "archwright.data.mnist:MNIST",
    "cifar10": "archwright.data.cifar:CIFAR10",
    "cifar100": "archwright.data.cifar:CIFAR100",
    "shakespeare-characters": "archwright.data.shakespeare:CHARACTERS",
    "shakespeare-words": "archwright.data.shakespeare:WORDS",
    "king-james-characters": "archwright.data.king_james:CHARACTERS",
    "king-james-words": "archwright.data.king_james:WORDS",
}
GROUP = "archwright.datasets"


def dataset_names() -> list[str]:
    """The names of all data sets."""
    return known_names(BUILT_IN, GROUP)


def find_dataset(name: str) -> Dataset:
    """The data set with this name. Raises UnknownName, with the known names, if there is none."""
    dataset = find(name, BUILT_IN, GROUP, "data set")
    if not isinstance(dataset, Dataset):
        raise UnknownName(f"data set {name!r} is a {type(dataset).__name__}: it must be an archwright Dataset")
    return dataset


def describe_datasets() -> list[dict[str, Any]]:
    """Name, description, task, input shape, outputs, rows, licence and origin of each, ready for JSON."""
    return [find_dataset(name).to_json() for name in dataset_names()]
