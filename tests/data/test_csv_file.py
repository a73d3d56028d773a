import gzip

import numpy as np
import pytest

from archwright.data.csv_file import read_csv, read_csv_features
from archwright.errors import DataError


def table(folder, text, name="mine.csv"):
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_features_keep_their_order_and_targets_their_kind(tmp_path):
    raw = read_csv(table(tmp_path, "b,y,a,z\n1,2,3.5,True\n4,5,6e2,False\n"), ("z",))
    assert raw.inputs == ("b", "y", "a")
    assert raw.x.tolist() == [[1, 2, 3.5], [4, 5, 600]]
    assert raw.y.tolist() == ["True", "False"]
    assert read_csv(tmp_path / "mine.csv", ("b",)).y.dtype == np.int64
    both = read_csv(table(tmp_path, "a,b,c\n1,2,3.5\n4,5,6\n"), ("c", "a"))
    assert both.y.tolist() == [[3.5, 1], [6, 4]]
    assert both.outputs == ("c", "a")


@pytest.mark.parametrize("text", ["a;y\n1;2\n3;4\n", "a\ty\r\n1\t2\r\n3\t4\r\n", "\ufeffa, y\n1, 2\n3, 4\n", '"a",y\n"1",2\n\n3,4'])
def test_the_usual_ways_to_write_a_table(tmp_path, text):
    raw = read_csv(table(tmp_path, text), ("y",))
    assert raw.inputs == ("a",)
    assert (raw.x.tolist(), raw.y.tolist()) == ([[1], [3]], [2, 4])


def test_gzipped_tables(tmp_path):
    assert read_csv(table(tmp_path, gzip.compress(b"a,y\n1,2\n"), "mine.csv.gz"), ("y",)).name == "mine"


def test_a_class_may_be_called_na(tmp_path):
    assert read_csv(table(tmp_path, "a,y\n1,NA\n2,None\n3, gold\n"), ("y",)).y.tolist() == ["NA", "None", "gold"]


def test_missing_features_become_nan_for_the_check_that_names_them(tmp_path):
    raw = read_csv(table(tmp_path, "a,b,y\n1,,0\n2,NA,1\n3,5,0\n"), ("y",))
    assert np.isnan(raw.x).tolist() == [[False, True], [False, True], [False, False]]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (b"", ("y",), "is empty"),
        (b"\n1,2\n", ("y",), "has no header"),
        (b"1,2\n3,4\n", ("y",), "has no header: the first row holds numbers"),
        (b"a,y\n", ("y",), "has a header but no rows"),
        (b",a,y\n0,1,2\n", ("y",), "column 0 .* has no name"),
        (b"a,a,y\n0,1,2\n", ("y",), "more than one column is called 'a'"),
        (b"a,y\n1,2\n", (), "which column is the target.*--target.*'a', 'y'"),
        (b"a,yield\n1,2\n", ("yeild",), r"no column 'yeild' \(did you mean 'yield'\?\): the columns are 'a', 'yield'"),
        (b"a,y\n1,2\n", ("a", "y"), "all columns are targets"),
        (b"a,b,y\n1,red,2\n3,blue,4\n", ("y",), r"not numeric: 'b' \(such as 'red'\)"),
        (b"a,y\n1,2\n3,4,5\n", ("y",), "rows do not match the 2 columns of the header"),
        (b"a,y\n1,2,9\n3,4,5\n", ("y",), "rows do not match the 2 columns of the header"),
        (b"a,y\n1,2\n3\n", ("y",), r"target 'y' is missing in 1 row, first in row 1"),
        (b"a,y\n1,\n3,4\n", ("y",), "'y' is missing"),
        (b"a,y\n1,1.5\n3,2\n4,oops\n", ("y",), r"mixes numbers and texts: row 2 \(counted from 0\) has oops"),
        (b"a,y\n\xff\xfe,1\n", ("y",), "cannot be read as a CSV file"),
        (b"a,y\n\x00\x00\n", ("y",), "mine.csv"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, text, target, message):
    with pytest.raises(DataError, match=message):
        read_csv(table(tmp_path, text), target)


def test_features_for_prediction_are_found_by_name(tmp_path):
    file = table(tmp_path, "note,b,a\nfirst,1,2\nsecond,3,4\n")
    assert read_csv_features(file, ("a", "b"), ()).tolist() == [[2, 1], [4, 3]]
    assert read_csv_features(file, (), ("note",)).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(DataError, match=r"lacks 'c', which the model was trained on"):
        read_csv_features(file, ("a", "c"), ())
