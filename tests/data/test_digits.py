import numpy as np

from archwright.data.load import load_problem


def test_the_digits_are_those_of_scikit_learn(tmp_path):
    from sklearn.datasets import load_digits

    data = load_problem("digits")
    problem = data.problem
    assert (problem.input_shape, problem.outputs, problem.augmentation) == ((1, 8, 8), 10, ("crop",))
    assert problem.n_train + problem.n_val + problem.n_test == 1797
    assert abs(problem.n_test - 0.2 * 1797) < 5
    images, labels = load_digits().images, load_digits().target
    test = data.test.open("test", tmp_path / "log")
    assert np.array_equal(test.x[:, 0], images[test.index])
    assert np.array_equal(test.y, labels[test.index])
