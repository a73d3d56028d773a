"""A search loop of your own: ask for an architecture, train it in any way, tell its score.

The study is kept in study.db: run the script again, and it continues where it was.
"""

import archwright
from archwright.search_strategy.regularized_evolution import RegularizedEvolution

TRIALS = 8


def main() -> None:
    strategy = RegularizedEvolution(population_size=4, sample_size=2)
    with archwright.Study("chain", strategy, data="digits", storage="study.db") as study:
        while len(study.history.complete) < TRIALS:
            proposal = study.ask()
            trained = archwright.train_architecture(
                proposal.architecture, "digits", epochs=1, seed=proposal.seed, test=False
            )  # or any training of your own
            study.tell(proposal, trained.score)
            print(f"network {proposal.number}: validation accuracy {trained.score:.3f}")
        best = study.best
    print(f"the best is network {best.number}: {best.architecture}")
    final = archwright.train_architecture(best.architecture, "digits", epochs=2)
    print(f"trained from scratch: test accuracy {final.test:.3f}, {final.outcome.parameters:,} parameters")


if __name__ == "__main__":
    main()
