import pytest

from archwright.execute.exit_code import why_it_ended


@pytest.mark.parametrize(
    ("code", "who", "told"),
    [
        (3, "", "exited with code 3 (see log.txt)"),
        (-9, "", "killed by signal 9 (SIGKILL)"),
        (3, "process 2 of 4", "process 2 of 4 exited with code 3 (see log.txt)"),
        (-11, "process 1 of 2", "process 1 of 2 was killed by signal 11 (SIGSEGV)"),
    ],
)
def test_the_cause_is_a_sentence(code, who, told):
    assert why_it_ended(code, who) == told
