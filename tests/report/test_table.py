import io

from rich.console import Console

from archwright.report.table import columns, in_order, rich_table, text_table


def printed(table, width=250):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_the_terminal_and_the_text_show_the_same_numbers(data):
    method = data.results["methods"][0]
    for text in (printed(rich_table(data.results)), text_table(data.results)):
        line = next(line for line in text.splitlines() if "regularized_evolution" in line)
        for column in columns("accuracy"):
            assert column.text(method) in line
        assert "97" in text
        assert "%" in line


def test_searched_methods_come_first_and_the_best_before_the_others_and_the_failed_last(data):
    failed = {**data.results["methods"][0], "name": "broken", "mean": None, "ci95": None, "runs": []}
    ordered = in_order([*data.results["methods"], failed])
    assert [m["kind"] for m in ordered] == ["search"] * 4 + ["baseline"] * 3
    assert ordered[3]["name"] == "broken"
    means = [m["mean"] for m in ordered[:3]]
    assert means == sorted(means, reverse=True)


def test_a_narrow_table_fits_a_terminal_of_100_characters(data):
    lines = printed(rich_table(data.results, essential=True), width=110).splitlines()
    line = next(line for line in lines if "regularized_evolution" in line)
    assert "…" not in line
    assert "182 k" in line


def test_names_are_not_taken_for_markup(data):
    method = {**data.results["methods"][0], "name": "[red]mine[/red]"}
    results = {**data.results, "methods": [method], "problem": {**data.results["problem"], "name": "[bold]x"}}
    assert "[red]mine[/red]" in printed(rich_table(results))
    assert "[bold]x" in printed(rich_table(results))


def test_the_table_of_no_methods_has_only_its_head(data):
    assert len(text_table({**data.results, "methods": []}).splitlines()) == 1


def test_a_method_that_failed_is_all_dashes(data):
    method = {"name": "broken", "kind": "search", "mean": None, "ci95": None, "runs": []}
    line = text_table({**data.results, "methods": [method]}).splitlines()[1]
    assert set(line.split()) == {"broken", "searched", "0", "–"}
