"""benchmarks/cluster_simulation.py on a small cluster: what it prints, what must hold, and that it repeats."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
WORKERS = 8


@pytest.fixture(scope="module")
def simulation():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import cluster_simulation

        yield cluster_simulation
        for name in ("cluster_simulation", "simulated_cluster", "four_cells", "ask_and_tell"):
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def pair(simulation):
    return simulation.both(WORKERS, "regularized_evolution", seed=0, each=6)


def test_the_line_of_json(simulation, monkeypatch, capsys):
    rates = simulation.proposals_per_second
    monkeypatch.setattr(simulation, "proposals_per_second", lambda: rates(rows=40, operations=10))
    monkeypatch.setattr(sys, "argv", ["cluster_simulation.py", "--workers", str(WORKERS), "--json"])
    simulation.main()
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == [
        "workers",
        "utilisation_async",
        "utilisation_sync",
        "proposals_per_second_memory",
        "proposals_per_second_sqlite",
    ]
    assert printed["workers"] == WORKERS
    assert 0 < printed["utilisation_sync"] < printed["utilisation_async"] <= 1
    assert printed["utilisation_async"] > 0.95
    assert min(printed["proposals_per_second_memory"], printed["proposals_per_second_sqlite"]) > 0


def test_no_worker_has_two_trainings_at_a_time(simulation, pair):
    for side in pair:
        changes = sorted([(span.begin, 1) for span in side.cluster.spans] + [(span.end, -1) for span in side.cluster.spans])
        busy = [sum(change for _, change in changes[: i + 1]) for i in range(len(changes))]
        assert max(busy) == WORKERS
        assert busy[-1] == 0


def test_a_barrier_costs_time_and_the_end_is_counted(simulation, pair):
    asynchronous, synchronous = pair
    assert synchronous.cluster.makespan > asynchronous.cluster.makespan
    for side in pair:
        cluster = side.cluster
        assert 0 < side.utilisation_to_the_end < side.utilisation <= 1
        busy = sum(span.end - span.begin for span in cluster.spans)
        assert side.utilisation_to_the_end == pytest.approx(busy / (WORKERS * cluster.makespan))
        assert any(span.again for span in cluster.spans)  # some crashed, and were tried again


def test_the_same_seed_gives_the_same_search(simulation, pair):
    again, other = (simulation.simulate(WORKERS, "regularized_evolution", 6 * WORKERS, seed=seed) for seed in (0, 1))
    assert again.cluster.spans == pair[0].cluster.spans
    assert again.best == pair[0].best
    assert other.best != again.best


def test_a_network_is_worth_what_the_table_says(simulation):
    four_cells = sys.modules["four_cells"]
    space, table = four_cells.FourCells(), four_cells._table()
    cell = four_cells.CELL.from_string(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    )
    answers = {f"{quarter}/{name}": answer for quarter in four_cells.QUARTERS for name, answer in cell.answers.items()}
    assert space.architecture(answers).answers == answers
    assert four_cells.accuracy(answers) == pytest.approx(table.entry(cell).valid / 100)
    assert four_cells.seconds(answers) == 60 + 5 * 4 * 3 * 9
    parts = [four_cells.accuracy(answers, 1 / 16, seed) for seed in range(200)]
    assert sum(parts) / len(parts) < four_cells.accuracy(answers)
    assert four_cells.accuracy(answers, 1 / 16, 3) == parts[3]


def test_the_plot_is_drawn(simulation, tmp_path):
    simulation.plot(tmp_path / "curves.png", 4, [0])
    assert (tmp_path / "curves.png").stat().st_size > 5000
