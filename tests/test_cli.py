"""The command line as users type it: its output, its exit codes, and one clear sentence for every mistake."""

import csv
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from archwright import main_job
from archwright.cli import main
from archwright.errors import InputError
from archwright.settings import assignments, listed
from archwright.study.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("one_thread_each")
SENTENCE = re.compile(r"archwright: [^\n]+\n")


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process; returns its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["archwright", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def refuse(call, tmp_path, monkeypatch):
    """Run a command that must fail with one sentence and exit code 2, and write nothing; returns the sentence."""
    monkeypatch.chdir(tmp_path)

    def claim(*_):
        raise AssertionError("the command was not refused")

    monkeypatch.setattr(RunFolder, "claim", claim)

    def run(*arguments):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        code, out, err = call(*arguments)
        assert (code, out) == (2, "")
        assert SENTENCE.fullmatch(err), err
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return err

    return run


# Bad data.

GOOD = {"x": np.arange(240.0).reshape(60, 4) % 7, "y": np.arange(60) % 3}


def with_value(array, value):
    changed = array.astype(float).copy()
    changed.reshape(-1)[5] = value
    return changed


def csv_of(*lines):
    return "\n".join(["a,b,kind", *lines, *(f"{i},{i % 5},{i % 2}" for i in range(60))]) + "\n"


def npz(**changes):
    return {**GOOD, **changes}


BAD_DATA = {
    "empty.npz": (b"", "empty"),
    "truncated.npz": (-200, "truncated"),
    "not.npz": (b"PK but no archive", "not an .npz file"),
    "nan.npz": (npz(x=with_value(GOOD["x"], np.nan)), "missing or infinite"),
    "infinite.npz": (npz(x=with_value(GOOD["x"], np.inf)), "missing or infinite"),
    "nan_target.npz": (npz(y=with_value(GOOD["y"], np.nan)), "targets hold 1 value"),
    "one_class.npz": (npz(y=np.zeros(60, int)), "one class"),
    "few_samples.npz": (npz(x=GOOD["x"][:5], y=np.arange(5)), "too few rows"),
    "shapes.npz": (npz(x=GOOD["x"][:5]), "5 rows"),
    "no_targets.npz": ({"x": GOOD["x"]}, "no 'y'"),
    "five_axes.npz": (npz(x=np.zeros((60, 2, 2, 2, 2))), "x"),
    "objects.npz": (npz(y=np.array([None] * 60, dtype=object)), "Python objects"),
    "texts.npz": (npz(x=np.full((60, 4), "a")), "numbers"),
    "empty.csv": (b"", "empty"),
    "no_target.csv": (csv_of().encode(), "which column is the target"),
    "unknown.doc": (b"hello", "unsupported file type"),
    "empty.txt": (b"", "is empty"),
    "short.txt": (b"hello", "give a longer text"),
    "latin.txt": ("café".encode("latin-1"), "cannot be read as a text in UTF-8"),
    "one_letter.txt": (b"a" * 9000, "nothing to predict"),
}


def write(file, content):
    if isinstance(content, dict):
        np.savez(file, **content)
    elif isinstance(content, int):
        np.savez(file, **GOOD)
        file.write_bytes(file.read_bytes()[:content])
    else:
        file.write_bytes(content)


@pytest.mark.parametrize("name", BAD_DATA)
def test_unusable_data_are_refused(refuse, tmp_path, name):
    content, message = BAD_DATA[name]
    write(tmp_path / name, content)
    sentence = refuse("search", name, "--trials", 1, "--out", "run")
    assert message in sentence
    assert name in sentence


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("c", "no column 'c': the columns are 'a', 'b', 'kind'"),
        ("kind,c", "no column 'c'"),
        ("kind", "columns that are not numeric: 'a'"),
    ],
)
def test_a_table_with_a_missing_or_non_numeric_column_is_refused(refuse, tmp_path, target, message):
    (tmp_path / "t.csv").write_text(csv_of("one,2,1"))
    assert message in refuse("search", "t.csv", "--target", target, "--trials", 1, "--out", "run")


def test_a_missing_source_is_refused(refuse, tmp_path):
    assert "did you mean 'digits'" in refuse("search", "digitz", "--trials", 1)
    (tmp_path / "folder").mkdir()
    assert "folder" in refuse("search", "folder", "--trials", 1)


def test_a_file_without_read_permission_is_refused(refuse, tmp_path, monkeypatch):
    """Simulated, because root can read files whatever their permissions."""

    def is_zipfile(file):
        raise PermissionError(13, "Permission denied", file.name)

    write(tmp_path / "secret.npz", GOOD)
    monkeypatch.setattr("zipfile.is_zipfile", is_zipfile)
    assert "secret.npz" in refuse("search", "secret.npz", "--trials", 1)


# Bad options.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--space chian", "did you mean 'chain'"),
        ("--space nowhere:Cls", "cannot be imported"),
        ("--space os:getcwd", "not a subclass of archwright.SearchSpace"),
        ("--strategy evolution", "did you mean 'regularized_evolution'"),
        ("--strategy os:getcwd", "is not a class with a method `propose`"),
        ("--strategy tpe", "did you mean 'optuna:tpe'"),
        ("--strategy random,random", "list random more than once"),
        ("--strategy ,", "no strategy was given"),
        ("--baselines resnet19", "did you mean 'resnet18'"),
        ("--executor ray2", "choose from serial, processes"),
        ("--executor serial --workers 2", "1 worker, not 2"),
        ("--device gpu", "choose from auto, cpu"),
        ("--task sorting", "choose from classification"),
        ("--layout square", "choose from flat"),
        ("--target kind", "--target names columns of a .csv file"),
        ("--objectives f1", "choose from accuracy"),
        ("--objectives macs", "begin with 'accuracy'"),
        ("--objectives accuracy,accuracy", "occurs more than once"),
        ("--set width=3", "begin the key with one of space."),
        ("--set space.widht=3", "did you mean 'width'"),
        ("--set space.width=2", "too small"),
        ("--set space.width=wide", "'wide' is not a whole number"),
        ("--set space.width", "write it as KEY=VALUE"),
        ("--set space.width=4 --set space.width=5", "given twice"),
        ("--set space.stages=99 --space nasbench201", "'nasbench201' has no setting 'stages'"),
        ("--set strategy.size=3", "it has population_size, sample_size"),
        ("--set random.size=3", "'random' has no setting 'size'"),
        ("--set train.rate=3", "it has optimizer, learning_rate"),
        ("--set train.optimizer=adam", "choose from sgd, adamw"),
        ("--set train.batch_size=0", "out of range"),
        ("--set train.learning_rate=-1", "out of range"),
        ("--set train.learning_rate=nan", "is not a number"),
        ("--set train.augmentation=blur", "choose auto, none"),
        ("--set train.augmentation=flip", "does not suit inputs"),
        ("--set budget.search=0.9", "add up to 1"),
        ("--set budget.rest=0.9", "it has search, final"),
        ("--trials 0", "above zero"),
        ("--trials many", "--trials"),
        ("--minutes 3", "limit the search by one of them"),
        ("--seeds 0", "seeds is 0"),
        ("--seed -1", "at least 0"),
        ("--epochs -2", "epochs is -2"),
        ("--timeout -1", "timeout is -1.0"),
        ("--storage mysql://me@there/db", "give postgresql://"),
        ("--storage journal:nowhere/ledger", "in a folder that exists"),
        ("--storage memory:", "does not outlive the command"),
        ("--storage postgresql://me@127.0.0.1:1/db", "check that the server is running"),
        ("--nonsense", "No such option: --nonsense"),
        ("--no-randem", "archwright search --help"),
    ],
)
def test_an_invalid_option_is_refused_with_a_remedy(refuse, tmp_path, options, message):
    write(tmp_path / "good.npz", GOOD)
    trials = [] if "--trials" in options else ["--trials", 1]
    baselines = [] if "--baselines" in options else ["--baselines", "random_forest"]
    assert message in refuse("search", "good.npz", *trials, *baselines, "--out", "run", *options.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--space chain", "space 'chain' is not for language_modelling such as text: use a space like 'recurrent'"),
        ("--space cell", "space 'cell' is not for language_modelling"),
        ("--baselines resnet18", "baseline 'resnet18' does not support text such as text: choose from lstm, gru"),
        ("--baselines random_forest", "baseline 'random_forest' does not support text"),
        ("--level syllable", "no level 'syllable': choose from character, word"),
        ("--window 0", "window is 0"),
        ("--window 5000", "a shorter --window"),
        ("--task regression", "leave out --task regression"),
        ("--layout flat", "leave out --layout flat"),
        ("--target x", "names columns of a .csv file"),
        ("--objectives perplexity", "choose from bits_per_character, loss"),
        ("--set train.dropout=1.5", "out of range"),
        ("--set train.augmentation=crop", "does not suit inputs"),
    ],
)
def test_an_option_that_does_not_suit_a_text_is_refused_with_a_remedy(refuse, tmp_path, options, message):
    (tmp_path / "text.txt").write_text("To be, or not to be: that is the question. " * 60)
    assert message in refuse("search", "text.txt", "--trials", 1, "--out", "run", *options.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--level word", "good.npz is not a text (.txt): leave out --level word"),
        ("--window 5", "leave out --window 5"),
        ("--space recurrent", "recurrent"),
        ("--baselines lstm", "baseline 'lstm' is for text, and good is a classification task"),
    ],
)
def test_options_for_texts_are_refused_for_other_data(refuse, tmp_path, options, message):
    write(tmp_path / "good.npz", GOOD)
    assert message in refuse("search", "good.npz", "--trials", 1, "--out", "run", *options.split())


def test_a_source_is_required(refuse):
    assert "Missing argument" in refuse("search")


@pytest.mark.parametrize("out", ["good.npz", "good.npz/below", "/proc/archwright"])
def test_a_folder_that_cannot_be_created_is_refused(call, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "good.npz", GOOD)
    before = (tmp_path / "good.npz").read_bytes()
    code, _, err = call("search", "good.npz", "--trials", 1, "--baselines", "", "--executor", "serial", "--out", out)
    assert code == 2
    assert SENTENCE.fullmatch(err.splitlines(keepends=True)[-1])
    assert Path(out).name in err
    assert (tmp_path / "good.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("list things", "spaces, strategies, datasets, baselines"),
        ("describe space chian", "did you mean 'chain'"),
        ("describe space chain --set widht=4", "did you mean 'width'"),
        ("describe space chain --set width", "KEY=VALUE"),
        ("describe strategy evolution", "regularized_evolution"),
        ("describe strategy random --set x=1", "'x'"),
        ("describe strategy optuna:tpe --set x=1", "'x'"),
        ("report nowhere", "holds no run"),
        ("report .", "holds no run"),
        ("predict nowhere good.npz -o p.csv", "architecture.json is missing"),
        ("predict RUN/model good.npz -o p.txt", "ends in .csv or .npz"),
        ("predict RUN/model good.npz -o good.npz/p.csv", "good.npz"),
        ("predict RUN/model good.npz -o p.csv", "(1, 8, 8)"),
        ("predict RUN/model SOURCE -o p.csv --device gpu", "choose from auto, cpu"),
        ("train good.npz --architecture nowhere.json", "nowhere.json cannot be read"),
        ("train good.npz --architecture good.npz", "cannot be read as JSON"),
        ("train good.npz --architecture RUN/results.json", "'space', 'settings' and 'answers'"),
        ("train good.npz --architecture RUN/model/architecture.json", "does not fit inputs of shape (1, 4)"),
        ("train SOURCE --architecture RUN/model/architecture.json --set space.width=8", "begin the key with train."),
        ("train SOURCE --architecture RUN/model/architecture.json --set train.x=8", "'x'"),
        ("train SOURCE --architecture RUN/model/architecture.json --set train.augmentation=blur", "'blur'"),
        ("train SOURCE --architecture RUN/model/architecture.json --device gpu", "choose from auto, cpu"),
        ("nothing", "No such command"),
    ],
)
def test_the_other_commands_refuse_in_the_same_way(refuse, small_run, tmp_path, command, message):
    write(tmp_path / "good.npz", GOOD)
    words = command.replace("RUN", str(small_run.folder)).replace("SOURCE", small_run.source).split()
    assert message in refuse(*words)


def test_an_architecture_with_an_unknown_answer_is_refused(refuse, small_run, tmp_path):
    described = json.loads((small_run.folder / "model" / "architecture.json").read_text())
    described["answers"]["activation"] = "sine"
    (tmp_path / "a.json").write_text(json.dumps(described))
    assert "'activation'" in refuse("train", small_run.source, "--architecture", "a.json")


def test_a_real_process_prints_one_sentence_and_no_traceback(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "archwright.cli", "search", "digits", "--trials", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert SENTENCE.fullmatch(run.stderr)
    assert list(tmp_path.iterdir()) == []


# What works.


def test_help_is_shown_immediately():
    """Measured in CPU time, as wall-clock time depends on the load of the machine."""

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = subprocess.run([sys.executable, "-m", "archwright.cli", "--help"], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert all(command in shown.stdout for command in ("search", "report", "predict", "train", "list", "describe"))
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(2)) < 0.5


def test_without_a_command_the_help_is_shown(call):
    code, out, err = call()
    assert code == 2
    assert "Usage: archwright" in out + err


def test_the_help_lists_every_option_of_the_contract(call):
    _, out, _ = call("search", "--help")
    options = (
        "space strategy baselines trials minutes epochs top-k seeds seed workers executor device objectives task target "
        "timeout memory storage out set no-random"
    )
    assert [name for name in options.split() if f"--{name}" not in out] == []


def test_the_same_command_again_prints_the_table_and_trains_nothing(call, small_run, monkeypatch):
    from archwright.study import run_study

    monkeypatch.setattr(run_study, "make_executor", None)
    before = (small_run.folder / "results.json").stat().st_mtime_ns
    code, out, err = call("search", small_run.source, *small_run.arguments, "--out", small_run.folder)
    assert (code, err) == (0, "")
    for part in ("regularized_evolution", "resnet-tiny", "random_forest", "test accuracy", "report.html"):
        assert part in out
    assert (small_run.folder / "results.json").stat().st_mtime_ns == before


def test_a_folder_of_other_data_is_refused(refuse, small_run, tmp_path):
    write(tmp_path / "good.npz", GOOD)
    folder = small_run.copy(tmp_path / "run")
    assert "belongs to other data" in refuse("search", "good.npz", *small_run.arguments, "--out", folder)


@pytest.mark.parametrize("what", ["spaces", "strategies", "datasets", "baselines"])
def test_lists_name_everything_in_both_forms(call, what):
    _, text, _ = call("list", what)
    _, as_json, _ = call("list", what, "--json")
    names = [row["name"] for row in json.loads(as_json)]
    assert [line.split()[0] for line in text.splitlines()] == names
    expected = {
        "spaces": {"cell", "chain", "enas_macro", "enas_micro", "nasbench201", "recurrent"},
        "strategies": {"random", "regularized_evolution", "local_search", "optuna:tpe", "optuna:nsgaii", "optuna:gp"},
        "datasets": {"digits", "fashion-mnist", "mnist", "cifar10", "cifar100"},
        "baselines": {"resnet18", "resnet50", "resnet-tiny", "densenet", "vgg", "googlenet", "highway", "random_forest"},
    }
    assert expected[what] <= set(names)


@pytest.mark.parametrize(
    ("words", "count", "distinct", "published"),
    [
        ("cell --set operations=pnas --set cells=1 --set blocks=1 --set inputs=any", 256, 136, True),
        ("cell --set operations=darts --set blocks=4 --set cells=2 --set inputs=distinct", 1_076_746_950_455_072_400, None, True),
        ("nasbench201", 15_625, 6_466, True),
        ("enas_macro --set layers=12", 6**12 * 2**66, 6**12 * 2**66, True),
        ("enas_micro --set nodes=7", 25_628_906_250_000_000_000_000_000, None, True),
        ("recurrent --set nodes=12", 8_036_313_307_545_600, 80_959_901_281, True),
    ],
)
def test_the_size_of_a_space_is_described_exactly(call, words, count, distinct, published):
    code, out, _ = call("describe", "space", *words.split(), "--json")
    described = json.loads(out)
    assert code == 0
    assert list(described) == ["name", "settings", "questions", "count", "count_distinct", "published"]
    assert (described["count"], described["count_distinct"]) == (count, distinct)
    if published:
        assert set(described["published"]) == {"value", "formula", "source"}


def test_a_description_is_readable(call):
    _, space, _ = call("describe", "space", "nasbench201")
    assert "count: 15,625" in space
    _, strategy, _ = call("describe", "strategy", "regularized_evolution", "--set", "sample_size=3")
    assert "sample_size=3" in strategy
    assert "Real" in strategy
    assert json.loads(call("describe", "strategy", "regularized_evolution", "--json")[1])["settings"]


def test_predictions_of_the_saved_model_have_the_recorded_accuracy(call, small_run, tmp_path):
    code, out, _ = call("predict", small_run.folder / "model", small_run.source, "-o", tmp_path / "p.csv")
    assert code == 0
    assert "160 predictions" in out
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["index", "prediction", "p_0", "p_1", "p_2", "p_3"]
    y = np.load(small_run.source)["y"]
    test = np.load(small_run.folder / "data" / "test" / "index.npy")
    accuracy = np.mean([int(rows[i]["prediction"]) == y[i] for i in test])
    methods = json.loads((small_run.folder / "results.json").read_text())["methods"]
    searched = max((m for m in methods if m["kind"] == "search"), key=lambda m: sum(run["val"] for run in m["runs"]))
    assert accuracy == pytest.approx(max(searched["runs"], key=lambda run: run["val"])["value"], abs=1e-6)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(small_run.folder / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    (logits, *_) = session.run(None, {session.get_inputs()[0].name: np.load(small_run.source)["x"]})
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.abs(chances - [[float(row[f"p_{kind}"]) for kind in range(4)] for row in rows]).max() <= 1e-4


@pytest.mark.usefixtures("without_onnx")
def test_one_architecture_can_be_trained_and_the_same_command_resumes(call, small_run, tmp_path):
    words = ["train", small_run.source, "--architecture", small_run.folder / "model" / "architecture.json", "--epochs", 3]
    code, out, _ = call(*words, "--out", tmp_path / "one")
    assert code == 0
    assert re.search(r"test accuracy [\d.]+ % after 3 epochs", out)
    assert {path.name for path in (tmp_path / "one" / "model").iterdir()} >= {"weights.safetensors", "architecture.json"}
    weights = (tmp_path / "one" / "model" / "weights.safetensors").read_bytes()
    result = tmp_path / "one" / "training" / "result.json"
    before = result.stat().st_mtime_ns
    assert call(*words, "--out", tmp_path / "one")[:2] == (0, out)
    assert result.stat().st_mtime_ns == before
    assert (tmp_path / "one" / "model" / "weights.safetensors").read_bytes() == weights
    code, _, err = call(*words, "--seed", 1, "--out", tmp_path / "one")
    assert code == 2
    assert "holds another training" in err
    assert call("predict", tmp_path / "one" / "model", small_run.source, "-o", tmp_path / "p.npz")[0] == 0


def test_a_report_is_regenerated(call, small_run, tmp_path):
    folder = small_run.copy(tmp_path / "run")
    (folder / "report.html").write_text("old")
    code, out, _ = call("report", folder)
    assert code == 0
    assert "resnet-tiny" in out
    assert (folder / "report.html").stat().st_size > 10_000


# Signals.


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.parametrize(
    ("number", "message", "code"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "ended by SIGTERM", 143)]
)
def test_a_search_ended_by_a_signal_says_how_to_resume(call, small_run, monkeypatch, tmp_path, number, message, code):
    monkeypatch.setattr(main_job, "run", lambda _: signal.raise_signal(number))
    assert call("search", small_run.source, "--out", tmp_path / "run") == (
        *(code, ""),
        f"archwright: {message}; run the same command again to resume\n",
    )


@pytest.mark.usefixtures("as_in_a_terminal")
def test_a_command_that_cannot_be_resumed_does_not_say_so(call, monkeypatch, tmp_path):
    monkeypatch.setattr(main_job, "rewrite_report", lambda _: signal.raise_signal(signal.SIGINT))
    assert call("report", tmp_path) == (130, "", "archwright: interrupted\n")


def descendants(pid):
    """All descendants of a process, also those in other sessions."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


IN_A_TERMINAL = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from archwright.cli import main; main()"
"""Restores the default Ctrl-C handler, as in a terminal; the process that runs the tests may ignore Ctrl-C."""


def interrupt(number, words, working, send=os.kill):
    """Send a signal to a real command once it is `working()`; returns its exit code, stderr, and number of child processes.

    Checks that none of those is left. `send`: to the process alone, or to its group, as a terminal or job scheduler does.
    """
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", IN_A_TERMINAL, *map(str, words)]
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    try:
        while not working():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        children = descendants(process.pid)
        send(process.pid, number)
        _, err = process.communicate(timeout=30)
        end = time.monotonic() + 10
        while any(map(is_alive, children)):
            assert time.monotonic() < end, "the command left processes behind"
            time.sleep(0.02)
        return process.returncode, err, len(children)
    finally:
        process.kill()
        process.communicate()


TINY = ["--set", "space.width=4", "--set", "space.most_blocks=1", "--epochs", 2]
SMALL_SEARCH = ["search", "digits", *TINY, "--trials", 3, "--seeds", 1, "--baselines", "", "--no-random"]
ENDS = [
    pytest.param(os.kill, signal.SIGTERM, "ended by SIGTERM", 143, id="SIGTERM"),
    pytest.param(os.killpg, signal.SIGTERM, "ended by SIGTERM", 143, id="SIGTERM to all", marks=pytest.mark.slow),
    pytest.param(os.killpg, signal.SIGINT, "interrupted", 130, id="Ctrl-C", marks=pytest.mark.slow),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("send", "number", "message", "code"), ENDS)
def test_a_search_ended_by_a_signal_leaves_no_process_and_can_be_resumed(call, without_onnx, tmp_path, send, number, message, code):
    words = [*SMALL_SEARCH, "--out", tmp_path / "run"]
    done = lambda: list(tmp_path.glob("run/trainings/*/result.json"))  # noqa: E731
    ended, err, children = interrupt(number, words, done, send)
    assert (ended, err.splitlines()[-1]) == (code, f"archwright: {message}; run the same command again to resume")
    assert "Traceback" not in err
    assert children >= 1
    before = {result: result.stat().st_mtime_ns for result in done()}
    assert not (tmp_path / "run" / "results.json").exists()
    assert call(*words)[0] == 0
    assert {result: result.stat().st_mtime_ns for result in before} == before
    with (tmp_path / "run" / "candidates.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["complete"] * 4


@pytest.mark.slow
def test_a_training_ended_by_a_signal_resumes_from_its_last_epoch(call, without_onnx, small_run, tmp_path):
    words = ["train", small_run.source, "--architecture", small_run.folder / "model" / "architecture.json", "--epochs", 60]
    words += ["--out", tmp_path / "one"]
    ended, err, _ = interrupt(signal.SIGTERM, words, (tmp_path / "one" / "training" / "checkpoint.pt").exists)
    assert (ended, err) == (143, "archwright: ended by SIGTERM; run the same command again to resume\n")
    code, out, _ = call(*words)
    assert code == 0
    assert "after 60 epochs" in out


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_benchmark_ended_by_a_signal_is_resumed_search_by_search(call, tmp_path, workers):
    words = ["bench", "nasbench201", "--dataset", "cifar10", "--strategies", "random", "--queries", 10, "--workers", workers]
    words += ["--repeats", 3000, "--out", tmp_path / "bench"]
    done = lambda: sum(len(file.read_text().splitlines()) for file in tmp_path.glob("bench/searches/*"))  # noqa: E731
    ended, err, _ = interrupt(signal.SIGTERM, words, done, os.killpg)
    assert (ended, err.splitlines()[-1]) == (143, "archwright: ended by SIGTERM; run the same command again to resume")
    assert 0 < done() < 3000
    assert call(*words)[0] == 0


def test_comma_separated_lists_may_contain_spaces_and_empty_items():
    assert listed("a, b,,c") == ("a", "b", "c")
    assert listed("") == ()


def test_assignments_split_at_the_first_equals_sign():
    assert assignments(["a=b=c", "d="]) == {"a": "b=c", "d": ""}
    with pytest.raises(InputError, match="KEY=VALUE"):
        assignments(["=b"])
