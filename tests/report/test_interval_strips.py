import re

from archwright.report.interval_strips import difference_picture, scale_of, seed_values, strip


def test_all_seeds_are_on_the_scale_and_the_interval_is_cut_off_at_its_ends(data):
    limits = scale_of(data.methods)
    values = [value for method in data.methods for value in seed_values(method)]
    assert limits[0] < min(values)
    assert max(values) < limits[1]
    wild = {**data.methods[0], "ci95": [-5.0, 5.0]}
    x, width = map(float, re.search(r'rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', strip(wild, limits, "red")).groups())
    assert x >= 0
    assert x + width <= 150
    assert strip(wild, limits, "red").count("<circle") == 3


def test_there_is_no_scale_without_seeds():
    assert scale_of([]) is None
    assert scale_of([{"name": "broken", "runs": []}]) is None


def test_one_seed_alone_has_a_scale_about_it():
    low, high = scale_of([{"runs": [{"value": 0.0}]}])
    assert low < 0 < high


def test_the_colour_of_a_difference_says_who_won():
    assert "--good" in difference_picture("accuracy", 0.1, (0.05, 0.2))
    assert "--bad" in difference_picture("accuracy", -0.1, (-0.2, -0.05))
    assert "--muted" in difference_picture("accuracy", 0.1, (-0.1, 0.2))
    assert difference_picture("accuracy", 0.0, (0.0, 0.0))


def test_better_is_on_the_right_even_if_lower_is_better():
    assert difference_picture("perplexity", -0.1, (-0.2, -0.05)) == difference_picture("accuracy", 0.1, (0.05, 0.2))


def test_the_scale_of_a_perplexity_has_no_upper_end():
    assert scale_of([{"metric": "perplexity", "runs": [{"value": 80.0}, {"value": 90.0}]}])[1] > 90
