import math

import pytest

from archwright import formatting


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (formatting.seconds_text, 0.0412, "41.2 ms"),
        (formatting.seconds_text, 0.9999, "1.00 s"),
        (formatting.seconds_text, 48.3, "48.3 s"),
        (formatting.seconds_text, 99.6, "1.7 min"),
        (formatting.seconds_text, 7200, "2.0 h"),
        (formatting.milliseconds_text, 1.31, "1.31 ms"),
        (formatting.count_text, 77_273, "77.3 k"),
        (formatting.count_text, 999_999, "1.00 M"),
        (formatting.count_text, 11_168_193, "11.2 M"),
        (formatting.count_text, 220_000_000, "220 M"),
        (formatting.count_text, 12, "12"),
        (formatting.count_text, 0.5, "0.5"),
        (formatting.memory_text, 512.3, "512 MB"),
        (formatting.memory_text, 2048, "2.05 GB"),
        (formatting.energy_text, 0.0061, "6.10 mWh"),
        (formatting.energy_text, 0.61, "0.610 Wh"),
        (formatting.energy_text, 1500, "1.50 kWh"),
    ],
)
def test_numbers_are_written_with_their_unit(function, value, text):
    assert function(value) == text


def test_accuracy_is_in_percent_and_the_others_are_not():
    assert formatting.metric_text("accuracy", 0.9785) == "97.85 %"
    assert formatting.metric_text("r2", -0.25) == "\N{MINUS SIGN}0.2500"
    assert formatting.difference_text("accuracy", 0.0123) == "+1.23 percentage points"
    assert formatting.difference_interval_text("r2", (-0.1, 0.2)) == "\N{MINUS SIGN}0.1000 to +0.2000"


def test_an_interval_is_clipped_to_the_metrics_range():
    assert formatting.interval_text("accuracy", (-0.3, 1.2)) == "0.00 to 100.00 %"
    assert formatting.interval_text("r2", (-0.3, 1.2)) == "\N{MINUS SIGN}0.3000 to 1.0000"
    assert formatting.interval_text("accuracy", (0.3, 0.4)) == "30.00 to 40.00 %"


@pytest.mark.parametrize("missing", [None, "", math.nan, math.inf, "nan", "no number"])
def test_a_missing_value_is_a_dash(missing):
    functions = (
        formatting.seconds_text,
        formatting.count_text,
        formatting.memory_text,
        formatting.energy_text,
        lambda v: formatting.metric_text("accuracy", v),
    )
    assert {function(missing) for function in functions} == {formatting.MISSING}
    assert formatting.interval_text("accuracy", None) == formatting.MISSING
    assert formatting.interval_text("accuracy", [missing, 1.0]) == formatting.MISSING


def test_metrics_of_texts_have_their_own_digits_and_no_upper_bound():
    assert formatting.metric_text("bits_per_character", 1.62349) == "1.623"
    assert formatting.metric_text("perplexity", 83.1049) == "83.10"
    assert formatting.metric_name("bits_per_character") == "bits per character"
    assert formatting.interval_text("perplexity", (0.5, 120.0)) == "1.00 to 120.00"
    assert formatting.difference_text("perplexity", -2.5) == "\N{MINUS SIGN}2.50"
    assert formatting.scale_of("perplexity", 80.0) == 80.0
    assert formatting.scale_of("bits_per_character", 2.0) == 1.0
