import pytest

from archwright.errors import UnknownSetting
from archwright.train.recipe import recipe_for


@pytest.mark.parametrize(
    ("n_train", "batch_size"),
    [(1, 16), (31, 16), (32, 16), (1023, 16), (1024, 32), (1081, 32), (4095, 64), (4096, 128), (10**6, 128)],
)
def test_batches_are_the_largest_power_of_two_that_leaves_32_steps_or_more(n_train, batch_size):
    assert recipe_for(n_train, {}).batch_size == batch_size


def test_the_learning_rate_falls_with_the_root_of_the_batch_size():
    assert recipe_for(10**6, {}).learning_rate == 0.1
    assert recipe_for(1024, {}).learning_rate == 0.05
    assert recipe_for(1024, {"optimizer": "adamw"}).learning_rate == pytest.approx(0.0005)


def test_given_settings_are_kept():
    recipe = recipe_for(1024, {"batch_size": "100", "learning_rate": "0.3"})
    assert (recipe.batch_size, recipe.learning_rate) == (100, 0.3)


def test_an_unknown_key_is_an_error():
    with pytest.raises(UnknownSetting, match="did you mean 'learning_rate'"):
        recipe_for(1024, {"learningrate": "0.3"})


@pytest.mark.parametrize(("n_train", "streams"), [(10, 4), (255, 4), (256, 8), (60_000, 32)])
def test_a_text_has_few_streams_and_its_own_recipe(n_train, streams):
    recipe = recipe_for(n_train, {}, "language_modelling")
    assert (recipe.batch_size, recipe.optimizer, recipe.learning_rate, recipe.gradient_clip) == (streams, "sgd", 4.0, 0.25)


def test_given_settings_are_kept_for_a_text_too():
    recipe = recipe_for(1000, {"optimizer": "nt_asgd", "gradient_clip": "1"}, "language_modelling")
    assert (recipe.learning_rate, recipe.gradient_clip) == (10.0, 1.0)
