import json
import subprocess
import sys

import pytest

from archwright.data.datasets import dataset_names, describe_datasets, find_dataset
from archwright.errors import UnknownName


def test_the_built_in_data_sets_are_known():
    assert dataset_names()[:5] == ["digits", "fashion-mnist", "mnist", "cifar10", "cifar100"]
    assert all(find_dataset(name).name == name for name in dataset_names())


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(UnknownName, match="did you mean 'cifar10'"):
        find_dataset("cifar-10")
    with pytest.raises(UnknownName, match="must be an archwright Dataset"):
        find_dataset("json:dumps")


def test_descriptions_are_plain_json():
    rows = describe_datasets()
    assert json.loads(json.dumps(rows)) == rows
    assert all(row["licence"] and row["origin"] and row["task"] and row["input_shape"] for row in rows)


def test_the_list_imports_nothing_slow():
    code = (
        "import sys; from archwright.data.datasets import describe_datasets; describe_datasets(); "
        "print([m for m in ('torch', 'sklearn', 'pandas', 'PIL', 'lightning_fabric') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
