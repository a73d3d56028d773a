"""What the dashboard shows of one training."""

from dataclasses import replace

from archwright.architecture.architecture import Architecture
from archwright.evaluate.job import Outcome
from archwright.ledger.row import Row
from archwright.report.dashboard_note import attributes_of, curve_of, note_of

CURVE = tuple({"epoch": float(i), "val_accuracy": i / 40, "val_loss": 1 / i} for i in range(1, 31))
ROW = Row(
    run_number=7,
    number=2,
    trial_id=9,
    stage="search",
    strategy="random",
    state="complete",
    architecture=Architecture("chain", {}, {"depth": 2, "kind|of": None}),
    outcome=Outcome("complete", metrics={"accuracy": 0.75, "loss": 0.5}, curve=CURVE, parameters=2000, seconds=3.0, epochs=30.0),
    seed=5,
)
FAILED = replace(ROW, state="failed", cause="out of memory:\n a|b", outcome=None)


def test_a_note_has_scores_drawing_curve_and_answers():
    paragraphs = note_of(ROW, "accuracy", "/here.svg").split("\n\n")
    assert paragraphs[0] == "**search random #7**: complete"
    assert paragraphs[1].splitlines()[0].startswith("| validation accuracy | parameters |")
    assert "75.00 %" in paragraphs[1]
    assert paragraphs[2] == "![architecture](/here.svg)"
    assert paragraphs[4].splitlines() == ["| question | answer |", "| --- | --- |", "| depth | 2 |", r"| kind\|of | None |"]


def test_a_long_curve_is_shown_by_some_epochs_including_the_first_and_the_last():
    lines = note_of(ROW, "accuracy", "").split("\n\n")[3].splitlines()
    assert lines[0] == "| epoch | validation accuracy | loss |"
    assert len(lines) == 2 + 12
    assert (lines[2], lines[-1]) == ("| 1 | 2.50 % | 1.0000 |", "| 30 | 75.00 % | 0.0333 |")


def test_a_failure_has_its_cause_in_one_line():
    assert note_of(FAILED, "accuracy", "").splitlines()[0] == r"**search random #7**: failed (out of memory: a\|b)"


def test_a_baseline_has_no_drawing():
    note = note_of(replace(ROW, architecture=None, baseline="vgg", stage="baseline"), "accuracy", "/here.svg")
    assert note.startswith("**baseline vgg #7**")
    assert "here.svg" not in note


def test_attributes_are_the_known_values():
    known = attributes_of(ROW)
    assert known["val_accuracy"] == 0.75
    assert (known["number"], known["parameters"], known["seconds"]) == (7, 2000, 3.0)
    assert not {"cause", "baseline", "macs"} & set(known)
    assert attributes_of(FAILED)["cause"] == FAILED.cause


def test_a_curve_begins_with_epoch_one_and_leaves_out_missing_numbers():
    broken = replace(ROW.outcome, curve=({"val_accuracy": 0.5}, {"val_accuracy": None}, {"val_accuracy": 0.7}))
    assert curve_of(replace(ROW, outcome=broken), "accuracy") == {1: 0.5, 3: 0.7}
    assert curve_of(FAILED, "accuracy") == {}
