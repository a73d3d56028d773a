from archwright.data.digits import DIGITS


def test_the_listed_entry_leaves_out_the_reader():
    shown = DIGITS.to_json()
    assert shown["name"] == "digits"
    assert shown["input_shape"] == [1, 8, 8]
    assert "read" not in shown
