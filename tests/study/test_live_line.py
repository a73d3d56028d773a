import io

from rich.console import Console

from archwright.study.live_line import LiveLine


def test_a_log_contains_only_permanent_lines():
    log = io.StringIO()
    with LiveLine(Console(file=log)) as line:
        line.show("half way")
        line.say("[1/2] done")
    assert not line.shown
    assert log.getvalue() == "[1/2] done\n"


def test_a_terminal_shows_the_status_line_literally():
    terminal = io.StringIO()
    with LiveLine(Console(file=terminal, force_terminal=True, width=80)) as line:
        line.show("[bold]half way")
    assert line.shown
    assert "[bold]half way" in terminal.getvalue()
