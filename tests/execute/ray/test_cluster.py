import http.server
import socket
import subprocess
import sys
import threading
import time

import pytest

from archwright.errors import InputError
from archwright.execute import Resources, make_executor
from archwright.execute.ray import cluster
from archwright.execute.ray.cluster import TaskResources

ray = pytest.importorskip("ray")


@pytest.fixture
def unconnected(monkeypatch):
    """As in a program that is not connected to a cluster, whatever other tests have done."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)


@pytest.fixture
def port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()
    return number[1]


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:8265", "ray://127.0.0.1:10001", "host:", ":6379"])
def test_an_invalid_address_is_an_error(unconnected, address):
    with pytest.raises(InputError, match=f"'{address}' is not the address of a Ray cluster: give HOST:PORT"):
        make_executor("ray", Resources(address=address))


def test_an_address_without_a_server_is_an_error_within_seconds(unconnected, port):
    start = time.monotonic()
    with pytest.raises(InputError, match=f"no Ray cluster answers at 127.0.0.1:{port}"):
        make_executor("ray", Resources(address=f"127.0.0.1:{port}"))
    assert time.monotonic() - start < 10


def test_an_address_of_another_server_is_an_error(unconnected):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(InputError, match="is not a Ray cluster: its port is usually 6379"):
            make_executor("ray", Resources(address=f"127.0.0.1:{server.server_port}"))


def test_an_address_of_a_silent_server_is_an_error(unconnected, monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(InputError, match="no Ray cluster answers"):
        make_executor("ray", Resources(address=f"127.0.0.1:{server.getsockname()[1]}"))


def test_the_default_address_is_in_the_environment(unconnected, monkeypatch, port):
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=f"no Ray cluster answers at 127.0.0.1:{port}"):
        make_executor("ray")


def test_without_ray_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'archwright\[ray\]'"):
        make_executor("ray")


def test_a_connected_program_joins_no_other_cluster(monkeypatch, ray_cluster):
    with make_executor("ray", Resources(1, device="cpu", address=ray_cluster.address)) as executor:
        assert executor.workers == 1
    monkeypatch.setattr(cluster, "_answering", str)
    with pytest.raises(
        InputError, match=f"is connected to the Ray cluster at {ray_cluster.address}: omit the address 10.0.0.1:6379"
    ):
        make_executor("ray", Resources(address="10.0.0.1:6379"))


@pytest.mark.parametrize(
    ("resources", "node", "capacity"),
    [
        (TaskResources(2), {"CPU": 5.0}, 2),
        (TaskResources(1), {}, 0),
        (TaskResources(1, gpus=1), {"CPU": 8.0}, 0),
        (TaskResources(1, gpus=1), {"CPU": 8.0, "GPU": 2.0}, 2),
        (TaskResources(1, gpus=2), {"CPU": 8.0, "GPU": 3.0}, 1),
        (TaskResources(1, gpus=0.4), {"CPU": 8.0, "GPU": 2.0}, 4),  # a fraction is never spread over two GPUs
        (TaskResources(1, gpus=0.1), {"CPU": 16.0, "GPU": 1.0}, 10),
        (TaskResources(1, memory=3 * 10**9), {"CPU": 8.0, "memory": 8e9}, 2),
    ],
)
def test_how_many_trainings_fit_on_a_node(resources, node, capacity):
    assert resources.capacity_of(node) == capacity


LOCAL_CLUSTER = """
import signal
from archwright.evaluate.job import Job
from archwright.execute import Resources, make_executor

before = signal.getsignal(signal.SIGTERM)
with make_executor("ray", Resources(device="cpu", cpus=1, address=None), "small_jobs:obey") as executor:
    assert signal.getsignal(signal.SIGTERM) == before
    assert executor.workers >= 1
import ray
assert not ray.is_initialized()
"""


def test_without_an_address_a_local_cluster_starts_and_ends_silently(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    done = subprocess.run([sys.executable, "-W", "error", "-c", LOCAL_CLUSTER], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
