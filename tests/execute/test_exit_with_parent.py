import os
import subprocess
import sys
import time

WATCHING = (
    "import sys; from archwright.execute.exit_with_parent import _watch; print('watching', flush=True); _watch(int(sys.argv[1]))"
)


def test_the_watch_ends_the_process_when_the_pipe_closes_and_not_before():
    """On Linux a signal is mostly faster; this is what other systems have, and what catches a coordinator that is gone already."""
    read_end, write_end = os.pipe()
    command = [sys.executable, "-c", WATCHING, str(read_end)]
    with subprocess.Popen(command, pass_fds=[read_end], stdout=subprocess.PIPE, start_new_session=True) as child:
        os.close(read_end)
        assert child.stdout.readline() == b"watching\n"
        time.sleep(0.2)
        assert child.poll() is None
        os.close(write_end)
        assert child.wait(10) != 0
