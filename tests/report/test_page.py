import json
import re
from html.parser import HTMLParser

import pytest

from archwright.data.problem import Problem
from archwright.report.page import page, write_report
from archwright.report.report_data import ReportData
from archwright.report.table import columns

VOID = {"meta", "link", "br", "img", "input", "hr", "use", "path", "circle", "rect", "line"}
HOSTILE = '<script>alert("x")</script>"\'&{{7*7}}$\\frac{'


class Outline(HTMLParser):
    """The open tags, the headings in order, and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.headings, self.ids, self.links, self.words, self.tags = [], [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.append((tag, named))
        if "id" in named:
            self.ids.append(named["id"])
        if tag == "a":
            self.links.append(named["href"])
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style",):
            self.words.append(data)


def outline(html):
    reader = Outline()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def html(data):
    return page(data)


def test_the_page_is_well_formed_with_headings_in_order(html):
    read = outline(html)
    assert read.headings[0] == 1
    assert read.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(read.headings, read.headings[1:], strict=False))
    assert len(read.ids) == len(set(read.ids))
    assert {link.removeprefix("#") for link in read.links} <= set(read.ids)


def test_the_page_needs_no_network_and_no_script(html):
    read = outline(html)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in read.tags}
    sources = [value for _, named in read.tags for name, value in named.items() if name in ("src", "href", "xlink:href")]
    assert all(value.startswith(("#", "data:image/png")) for value in sources)
    assert not re.search(r"@import|url\((?!#)", html)
    assert len(html.encode()) < 400_000


def test_the_page_names_the_result_and_its_table_has_the_same_numbers_as_the_terminal(html, data):
    words = " ".join(" ".join(outline(html).words).split())
    assert "Use the searched network (regularized_evolution)" in words
    assert data.results["verdict"]["text"] in words
    for method in data.methods:
        for column in columns("accuracy"):
            if column.heading != "kind":
                assert column.text(method) in words
    for part in (
        "resnet50",
        "27 times",
        "load_model",
        "best practice".title()[:4],
        "real2019",
        "runs/digits-chain/model.onnx"[:10],
    ):
        assert part in words
    assert html.count("<svg") > 10


def test_the_page_gives_the_idle_share_of_the_workers_if_it_was_measured(html):
    search, final = (
        row for row in html.split("<tr>") if row.startswith('<td class="left">search</td>') or "final trainings</td>" in row
    )
    assert "<td>12 %</td></tr>" in search
    assert "<td>–</td></tr>" in final


def test_hostile_names_are_escaped(make_data):
    base = make_data(trials=3)
    results = json.loads(json.dumps(base.results))
    for method in results["methods"]:
        method["name"] = method["name"] + HOSTILE
    results["skipped"].append({"name": HOSTILE, "reason": HOSTILE})
    results["verdict"] = {"choice": results["methods"][0]["name"], "text": HOSTILE, "difference": 0.1, "ci95": [0.0, 0.2]}
    results["settings"] = {HOSTILE: HOSTILE}
    rows = [{**row, "strategy": HOSTILE, "cause": HOSTILE, "key": HOSTILE, "architecture": HOSTILE} for row in base.rows]
    hostile = make_data(
        results=results,
        problem=Problem(HOSTILE, "classification", (1, 8, 8), 10, names=(HOSTILE,) * 10),
        space=HOSTILE,
        rows=rows,
        curves={HOSTILE: base.curves["random"]},
        architecture={"space": HOSTILE, "settings": {HOSTILE: HOSTILE}, "answers": {HOSTILE: HOSTILE}},
        description=None,
        accesses=[{"reason": HOSTILE, "time": HOSTILE}],
        command=HOSTILE,
        folder=HOSTILE,
    )
    html = page(hostile)
    read = outline(html)
    assert "script" not in {tag for tag, _ in read.tags}
    assert not any(name.startswith("on") for _, named in read.tags for name in named)
    assert "<script" not in html
    assert HOSTILE in "".join(read.words)
    assert "49" not in "".join(read.words).replace("{{7*7}}", "").split("Verdict")[0]


def empty(problem, **results):
    content = {
        "problem": problem.to_json(),
        "methods": [],
        "verdict": {"choice": None, "text": "There is no verdict.", "difference": None, "ci95": None},
        "test_accesses": 0,
        "skipped": [],
        "settings": {},
        "versions": {},
    }
    return ReportData({**content, **results}, problem, "chain")


def test_an_empty_run_has_a_page():
    html = page(empty(Problem("waves", "regression", (3, 128), 2)))
    outline(html)
    assert "No verdict" in html
    assert "No candidate of the search finished training" in html
    assert "so there is no model" in html
    assert "None" not in " ".join(outline(html).words)


def test_a_run_whose_trials_all_failed_has_a_page(make_data):
    base = make_data()
    failed = [{**row, "state": "failed", "cause": "diverged: nan", "val_accuracy": None} for row in base.rows]
    broken = [{**m, "mean": None, "ci95": None, "runs": []} for m in base.methods]
    html = page(make_data(rows=failed, results={**base.results, "methods": broken}, curves={}, architecture=None, description=None))
    words = " ".join(" ".join(outline(html).words).split())
    assert "of the search failed" in words
    assert "so there is nothing to draw" in words


@pytest.mark.parametrize("task", ["multi_label", "regression"])
def test_other_tasks_have_no_percent(make_data, task):
    problem = Problem("kirigami", task, (15,), 2)
    base = make_data(trials=4)
    metric = problem.metric
    rows = [{**row, f"val_{metric}": row["val_accuracy"]} for row in base.rows]
    results = {**base.results, "problem": problem.to_json(), "verdict": {**base.results["verdict"], "text": "Both are good."}}
    html = page(make_data(problem=problem, rows=rows, results=results, curves={}, description=None))
    table = html[html.index('id="methods"') : html.index('id="architecture"')]
    assert "0.97" in table
    assert " %<" not in table


def test_many_candidates_make_a_bounded_page(make_data):
    html = page(make_data(trials=8000, curves={}))  # of each of three strategies
    assert len(html.encode()) < 1_500_000
    assert html.count("<summary>show</summary>") == 20


def test_the_report_is_one_file_written_atomically(data, tmp_path, html):
    target = tmp_path / "report.html"
    target.write_text("before")
    write_report(target, data)
    assert target.read_text(encoding="utf-8") == html
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
