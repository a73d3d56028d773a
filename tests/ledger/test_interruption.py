"""The effect of real signals on a process that runs a small script."""

import signal
import subprocess
import sys
from threading import Thread

import pytest

from archwright.ledger.interruption import Interrupted, interruptible, uninterrupted

SCRIPT = """
import signal, time
from archwright.ledger.interruption import interruptible, uninterrupted

signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, however the tests were started
try:
    with interruptible():
        with {context}:
            print("working", flush=True)
            time.sleep(0.5 if {deferred} else 60)
            print("written", flush=True)
        time.sleep(60)
finally:
    print("ending", flush=True)
    time.sleep({ending})
"""


@pytest.fixture
def start():
    """Start the script and wait until it is at work."""
    started = []

    def run(context="interruptible()", deferred=False, ending=0):
        script = SCRIPT.format(context=context, deferred=deferred, ending=ending)
        pipe = subprocess.PIPE
        started.append(process := subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True))
        assert process.stdout.readline() == "working\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.parametrize(
    ("number", "message", "code"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "ended by SIGTERM", 143)]
)
def test_a_signal_is_raised_with_its_message_and_exit_code(number, message, code):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=f"^{message}$") as raised, interruptible():
        signal.raise_signal(number)
    assert raised.value.exit_code == code
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once(start, number):
    process = start(ending=60)
    process.send_signal(number)
    assert process.stdout.readline() == "ending\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM


def test_a_write_in_progress_is_completed_first(start):
    process = start("uninterrupted()", deferred=True)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=10)
    assert out == "written\nending\n"
    assert err.splitlines()[-1].endswith("Interrupted: ended by SIGTERM")


def test_a_second_signal_ends_even_a_write_in_progress(start):
    process = start("uninterrupted()")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT


@pytest.mark.usefixtures("as_in_a_terminal")
def test_a_deferred_signal_is_raised_even_if_the_write_failed():
    def fail():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise OSError("the disk is full")

    with pytest.raises(Interrupted), interruptible():
        fail()


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(), uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        with pytest.raises(Interrupted, match="SIGTERM"), interruptible():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # and so it was while the command ended
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_write_without_deferring_signals():
    done = []

    def write():
        with uninterrupted():
            done.append(True)

    thread = Thread(target=write)
    thread.start()
    thread.join()
    assert done
