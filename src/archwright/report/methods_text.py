"""Texts to paste: a methods section for a paper, the checklist, and code that loads the model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from archwright.data.problem import Problem
from archwright.formatting import finite, metric_name, metric_text, plural, seconds_text
from archwright.report.report_data import ReportData

TASK_NAMES = {
    "classification": "classification",
    "multi_label": "multi-label classification",
    "regression": "regression",
    "language_modelling": "language modelling",
}


def shape_text(shape: tuple[int, ...]) -> str:
    """The shape of an input, as in `1 × 28 × 28`."""
    return " × ".join(map(str, shape))


def inputs_text(problem: Problem) -> str:
    """The inputs of a network, in words."""
    if problem.level is not None:
        return f"windows of {plural(problem.input_shape[0], problem.level)}, with the hidden state carried from one to the next"
    return f"inputs of shape {shape_text(problem.input_shape)}"


def test_access_count(data: ReportData) -> int:
    """How often the test split was read, from results.json."""
    count = data.results.get("test_accesses")
    return len(data.accesses) if count is None else count if isinstance(count, int) else len(count)


test_access_count.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def final_run_count(data: ReportData) -> int:
    """The number of final trainings, baselines included; those of candidates not chosen in the end appear only among the rows."""
    begun = sum(row.get("stage") in ("final", "baseline") for row in data.rows)
    return max(begun, sum(len(method.get("runs") or ()) for method in data.methods))


def methods_text(data: ReportData) -> str:
    """The methods section of a paper about this run."""
    problem, metric = data.problem, metric_name(data.metric)
    version = (data.results.get("versions") or {}).get("archwright", "")
    sentences = [
        f"We performed neural architecture search on {problem.name} ({TASK_NAMES[problem.task]}, "
        f"{inputs_text(problem)}; {problem.n_train:,} training, {problem.n_val:,} validation and "
        f"{problem.n_test:,} test samples) "
        f"with archwright {version}".rstrip()
        + ".",
        f"We searched the {data.space} space with {_searches(data)}. Candidates were trained on the training split and "
        f"compared by {metric} on the validation split.",
        f"The best networks were retrained from scratch{_seeds(data)}, keeping the weights of the best epoch on validation.",
        _baselines(data),
        f"The test split was read {plural(test_access_count(data), 'time')}, always after a final training had finished.",
        "We report means over seeds with 95 % confidence intervals from Student's t distribution. Differences between methods are "
        "assessed with a paired bootstrap over seeds and test samples (2,000 resamples), with intervals widened to account for "
        "the small number of seeds (Hesterberg, 2015, arXiv:1411.5279).",
        _result(data),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _searches(data: ReportData) -> str:
    searches = []
    for method in data.methods:
        if method.get("kind") == "search":
            trials, seconds = finite(method.get("n_trials")), finite(method.get("search_seconds"))
            cost = [plural(int(trials), "trial")] if trials else []
            cost += ["one supernet"] if method.get("one_shot") else []
            cost += [f"{seconds_text(seconds)} of training"] if seconds else []
            searches.append(_name_in_prose(method) + (f" ({', '.join(cost)})" if cost else ""))
    return enumeration(searches) or "no strategy"


def _name_in_prose(method: Mapping[str, Any]) -> str:
    if method.get("kind") != "search":
        return str(method["name"])
    return "random search" if method["name"] == "random" else str(method["name"]).replace("_", " ")


def enumeration(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _seeds(data: ReportData) -> str:
    counts = sorted({len(method.get("runs") or ()) for method in data.methods if method.get("runs")})
    if not counts:
        return ""
    return f" with {plural(counts[0], 'seed')} each" if len(counts) == 1 else f" with {counts[0]} to {counts[-1]} seeds each"


def _baselines(data: ReportData) -> str:
    names = [method["name"] for method in data.methods if method.get("kind") == "baseline"]
    if not names:
        return ""
    baselines = "baseline" if len(names) == 1 else "baselines"
    return f"The {baselines} {enumeration(names)} followed the same training and evaluation protocol."


def _result(data: ReportData) -> str:
    means = [(_name_in_prose(m), m.get("mean")) for m in data.methods if finite(m.get("mean")) is not None]
    if not means:
        return ""
    values = enumeration([f"{metric_text(data.metric, mean)} for {name}" for name, mean in means])
    return f"On the test split, the mean {metric_name(data.metric)} was {values}."


def checklist(data: ReportData) -> list[tuple[str, str]]:
    """(yes, partly or no; a sentence) for each point of the checklist."""
    methods = data.methods
    seeds = min((len(m.get("runs") or ()) for m in methods), default=0)
    opened, runs = test_access_count(data), final_run_count(data)
    names = {m["name"] for m in methods}
    baselines = [m["name"] for m in methods if m.get("kind") == "baseline"]
    return [
        ("yes", "The same data, splits, training recipe and final protocol for all methods."),
        ("yes" if "random" in names else "no", "Random search in the same space at the same cost."),
        (
            "yes" if baselines else "no",
            "Baselines designed by hand, or classical models" + (f": {', '.join(baselines)}." if baselines else "."),
        ),
        (
            "yes" if seeds >= 3 else "partly" if seeds == 2 else "no",
            f"Several seeds for each final training (here at least {seeds}).",
        ),
        (
            "yes" if opened <= runs else "no",
            "All choices made on the validation split; the test split read once per final network.",
        ),
        ("yes", "Costs of search and retraining, sizes and times reported for every method."),
        (
            "no",
            "Several runs of the search itself: this is one run; repeat it with other values of --seed to see how much it varies.",
        ),
        (
            "yes" if data.results.get("versions") else "no",
            "Versions, settings and seeds reported, so that the run can be repeated.",
        ),
    ]


def snippets(data: ReportData) -> Mapping[str, Any]:
    """How to load and run the model: on the command line, in Python, and with onnxruntime."""
    model = f"{data.folder}/model"
    if data.problem.level is not None:
        return _text_snippets(model, data.problem)
    shape = ", ".join(map(str, data.problem.input_shape))
    last_line = {
        "classification": "classes = model(x).argmax(1)",
        "multi_label": "labels = model(x).sigmoid() >= 0.5",
        "regression": "targets = model(x)  # in their original units",
    }[data.problem.task]
    return {
        "command_line": f"archwright predict {shlex.quote(model)} YOUR_DATA -o predictions.csv",
        "python": (
            "import torch\n"
            "from archwright import load_model\n\n"
            f"model = load_model({json.dumps(model)})\n"
            f"x = torch.zeros(8, {shape})  # raw inputs, float32\n"
            "with torch.inference_mode():\n"
            f"    {last_line}"
        ),
        "onnx": (
            "import numpy as np\n"
            "import onnxruntime\n\n"
            f"session = onnxruntime.InferenceSession({json.dumps(model + '/model.onnx')})\n"
            f"x = np.zeros((8, {shape}), dtype=np.float32)\n"
            "y = session.run(None, {session.get_inputs()[0].name: x})[0]"
        ),
    }


def _text_snippets(model: str, problem: Problem) -> Mapping[str, Any]:
    """The same for a language model, which carries its hidden state from one call to the next."""
    return {
        "command_line": f"archwright predict {shlex.quote(model)} YOUR_TEXT.txt -o log_probabilities.csv",
        "python": (
            "import torch\n"
            "from archwright import load_model\n"
            "from archwright.ops.carried_state import begin_stream\n\n"
            f"model = load_model({json.dumps(model)})\n"
            "begin_stream(model)  # each call continues where the previous one ended\n"
            f"tokens = torch.zeros(8, {problem.input_shape[0]}, dtype=torch.int64)  # indices into model.problem.names\n"
            "with torch.inference_mode():\n"
            "    log_probabilities = model(tokens).log_softmax(-1)  # of the token that follows each"
        ),
        "onnx": (
            "import numpy as np\n"
            "import onnxruntime\n\n"
            f"session = onnxruntime.InferenceSession({json.dumps(model + '/model.onnx')})\n"
            "token, *states = (entry.name for entry in session.get_inputs())\n"
            "widths = [entry.shape[1] for entry in session.get_inputs()[1:]]\n"
            "values = [np.zeros((1, width), dtype=np.float32) for width in widths]  # the initial state\n"
            "for number in [1, 2, 3]:  # indices into the names in architecture.json\n"
            "    feed = {token: np.array([number]), **dict(zip(states, values))}\n"
            "    logits, *values = session.run(None, feed)  # of the next token"
        ),
    }
