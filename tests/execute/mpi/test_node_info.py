import json
import os
import socket

import pytest

from archwright.execute import fork_server, usable_cpus
from archwright.execute.mpi.node_info import NodeInfo, node_info_here


@pytest.fixture
def light(monkeypatch):
    monkeypatch.setattr(fork_server, "PRELOADED", ["torch"])


def test_a_node_is_described_and_survives_json(light):
    here = node_info_here()
    assert NodeInfo.from_json(json.loads(json.dumps(here.to_json()))) == here
    assert (here.host, here.cpus) == (socket.gethostname(), usable_cpus())
    assert set(here.cores) == os.sched_getaffinity(0)
    assert len(here.gpus) == len(here.gpu_ids)
