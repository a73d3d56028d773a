import subprocess
import sys

import pytest

TOUCHES = """
import importlib, torch
from archwright.execute.fork_server import PRELOADED

def touched(*_, **__):
    raise SystemExit("CUDA was touched")

for name in ("is_available", "device_count", "current_device", "init", "_lazy_init"):
    setattr(torch.cuda, name, touched)
for module in PRELOADED:
    importlib.import_module(module)
"""


@pytest.mark.slow
def test_nothing_that_is_preloaded_touches_cuda():
    """CUDA that was used before a fork cannot be used after it."""
    done = subprocess.run([sys.executable, "-c", TOUCHES], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
