"""Do two versions of archwright give the same results? Seeded commands under both, compared but for what no seed fixes.

python benchmarks/compare_versions.py BEFORE [--after FOLDER] [--out FOLDER]: checkouts of the two versions, by default this one
after. Both run with the same interpreter, one command at a time. A run that is there already is not made again. Prints each
difference; the exit code is 1 where there is one in more than words.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
COMMANDS = {
    "evolution": "search digits --strategy regularized_evolution --trials 12 --epochs 2 --workers 1 --seeds 2",
    "darts": "search digits --space cell --strategy darts --trials 3 --epochs 2 --workers 1 --seeds 2 --baselines resnet-tiny "
    "--set space.repeats=1 --set space.filters=4",
    "strategies": "search digits --strategy predictor_guided,progressive,reinforce,genetic,local_search,asha,hyperband,optuna:tpe "
    "--trials 4 --epochs 2 --workers 1 --seeds 1 --baselines random_forest --set space.width=4",
    "shared_weights": "search digits --space nasbench201 --strategy "
    "enas,gdas,snas,darts_second_order,single_path_uniform,random_weight_sharing --trials 2 --epochs 1 --workers 1 --seeds 1 "
    "--baselines random_forest --set space.repeats=1 --set space.filters=4",
    "bench": "bench nasbench201 --dataset cifar10 --strategies regularized_evolution,predictor_guided,progressive,random "
    "--queries 60 --repeats 3",
    "bench_in_flight": "bench nasbench201 --dataset cifar100 --strategies "
    "regularized_evolution,local_search,genetic,grid,reinforce --queries 40 --repeats 3 --in-flight 7",
}
NOT_FIXED = ("seconds", "memory", "energy", "latency", "worker", "idle", "elapsed", "longest", "out")
"""A column or key with one of these words in its name depends on the machine's hour, or on where the run lies."""
SENTENCES = ("text", "reason", "cause", "notes")
"""What is written for people: other words for the same are shown, and do not count."""


@dataclass(frozen=True)
class Difference:
    """`place`: the file and the keys down to what differs."""

    place: tuple[str, ...]
    before: Any
    after: Any

    @property
    def is_in_words(self) -> bool:
        return any(key in SENTENCES for key in self.place)

    def __str__(self) -> str:
        return f"{': '.join(self.place)}: {str(self.before)[:80]!r} before, {str(self.after)[:80]!r} after"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("--after", type=Path, default=HERE)
    parser.add_argument("--out", type=Path, default=Path("runs/compare_versions"))
    asked = parser.parse_args()
    different = 0
    for name, command in COMMANDS.items():
        before, after = (
            run(checkout.resolve(), command, asked.out.resolve() / side / name)
            for side, checkout in (("before", asked.before), ("after", asked.after))
        )
        found = [*compared(before, after)]
        in_words = [difference for difference in found if difference.is_in_words]
        differences = [difference for difference in found if not difference.is_in_words]
        different += bool(differences)
        print(f"{name}: {len(differences) or 'no'} differences, {len(in_words) or 'none'} in words", *differences[:20], sep="\n  ")
        print(*(f"  in words: {difference}" for difference in in_words[:20]), sep="\n")
    return int(different > 0)


def run(checkout: Path, command: str, folder: Path) -> Path:
    """The folder of a finished run by the version in a checkout."""
    if not (folder / "results.json").exists():
        words = [sys.executable, "-m", "archwright.cli", *command.split(), "--out", str(folder)]
        subprocess.run(words, env={**os.environ, "PYTHONPATH": str(checkout / "src")}, stdout=subprocess.DEVNULL, check=True)
    return folder


def compared(before: Path, after: Path) -> Iterator[Difference]:
    """Each difference between two runs."""
    contents = [fixed(json.loads((folder / "results.json").read_text())) for folder in (before, after)]
    yield from differences(("results.json",), *contents)
    if (before / "candidates.csv").exists():
        yield from differences(("candidates.csv",), *(rows_of(folder / "candidates.csv") for folder in (before, after)))
    if (before / "searches").exists():  # a benchmark's queries
        for file in sorted((before / "searches").iterdir()):
            yield from differences((file.name,), *(lines_of(folder / "searches" / file.name) for folder in (before, after)))


def rows_of(table: Path) -> Any:
    with table.open(newline="", encoding="utf-8") as stream:
        return [fixed(row) for row in csv.DictReader(stream)]


def lines_of(file: Path) -> Any:
    """A benchmark's searches in the order of the repeats; they stand there as they ended."""
    searches = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    return [fixed(search) for search in sorted(searches, key=lambda search: search["repeat"])]


def fixed(content: Any) -> Any:
    """What a seed fixes."""
    if isinstance(content, dict):
        return {key: fixed(value) for key, value in content.items() if not any(word in key for word in NOT_FIXED)}
    return [fixed(value) for value in content] if isinstance(content, list) else content


def differences(place: tuple[str, ...], before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from differences((*place, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences((*place, str(i)), one, other)
    elif before != after:
        yield Difference(place, before, after)


if __name__ == "__main__":
    sys.exit(main())
