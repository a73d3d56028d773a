"""A search strategy of your own: one function of the history.

From the command line, in this folder: `archwright search digits --strategy own_strategy:HillClimber --trials 20`.
"""

from dataclasses import dataclass
from random import Random

import pandas as pd

import archwright
from archwright import Candidate, History, Proposal, SearchSpace
from archwright.evaluate.history import Objective, key_of
from archwright.search_space import make_space


@dataclass(frozen=True)
class HillClimber:
    """Changes one answer of the best network so far, after `starts` random networks."""

    starts: int = 3

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        best = history.best()
        if best is None or len(history.complete) < self.starts:
            return Proposal(space.sample(rng))
        return Proposal(space.mutate(best.architecture, rng), parent=best.number)


def climb_without_training(trials: int = 60) -> Candidate:
    """Runs the strategy on a score without training: the number of 3x3 convolutions in a NAS-Bench-201 cell, at most six."""
    space, seen = make_space("nasbench201"), []
    for number in range(trials):
        history = History((Objective("convolutions", maximize=True),), tuple(seen))
        architecture = HillClimber().propose(space, history, Random(number)).architecture
        score = float(list(architecture.answers.values()).count("nor_conv_3x3"))
        seen.append(Candidate(number, architecture, key_of(space, architecture), "complete", (score,)))
    return max(seen, key=lambda candidate: candidate.score)


def main() -> None:
    best = climb_without_training()
    print(f"without training: {best.score:.0f} of 6 operations are 3x3 convolutions in candidate {best.number}")
    result = archwright.search(
        "digits",
        strategy="own_strategy:HillClimber",
        trials=3,
        epochs=1,
        seeds=1,
        baselines=(),
        executor="serial",
        settings={"space.width": 8, "space.most_blocks": 1, "strategy.starts": 2},
        out="runs/own-strategy",
    )
    print(result.table())  # with random search at the same cost
    candidates = pd.read_csv(result.path / "candidates.csv")
    print(
        candidates.loc[candidates.stage == "search", ["number", "strategy", "parent", "state", "val_accuracy"]].to_string(
            index=False
        )
    )


if __name__ == "__main__":
    main()
