from archwright.data.problem import Problem


def test_json_keeps_everything_and_adds_the_metric():
    problem = Problem("ores", "regression", (3,), 1, ("yield",), 6, 2, 2, "abc", (), ("a", "b", "c"))
    assert problem.to_json()["metric"] == "r2"
    assert Problem.from_json(problem.to_json()) == problem
    assert Problem.from_json({"name": "a", "task": "regression", "input_shape": [3], "outputs": 1}).inputs == ()


def test_dimensions_count_the_spatial_axes():
    assert [Problem("a", "regression", shape, 1).dimensions for shape in ((9,), (2, 9), (1, 9, 9))] == [0, 1, 2]
