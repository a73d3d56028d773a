"""archwright's spaces and strategies in an Optuna study of your own: your objective, your training, your storage."""

from random import Random

import optuna
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from archwright import ArchwrightSampler
from archwright.data.problem import Problem
from archwright.search_space import make_space
from archwright.search_strategy import make_strategy

PROBLEM = Problem("digits", "classification", input_shape=(1, 8, 8), outputs=10)
SPACE = make_space("chain", {"width": 8, "most_blocks": 2}).for_problem(PROBLEM)
STRATEGY = make_strategy("regularized_evolution", {"population_size": 4, "sample_size": 2})

pixels, labels = load_digits(return_X_y=True)
images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
TRAIN_X, VAL_X, TRAIN_Y, VAL_Y = train_test_split(images, torch.tensor(labels), test_size=0.2, random_state=0, stratify=labels)


def accuracy(network: nn.Module, epochs: int = 2) -> float:
    """Validation accuracy in [0, 1] after your own training loop."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(epochs):
        network.train()
        for rows in torch.randperm(len(TRAIN_X)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(TRAIN_X[rows]), TRAIN_Y[rows]).backward()
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        return float((network(VAL_X).argmax(dim=1) == VAL_Y).float().mean())


def objective(trial: optuna.Trial) -> float:
    description = SPACE.decide(trial.suggest_categorical)  # the space asks, the sampler answers
    torch.manual_seed(trial.number)
    return accuracy(SPACE.build(description, PROBLEM))


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=ArchwrightSampler(STRATEGY, SPACE, seed=0))
    study.enqueue_trial(dict(SPACE.sample(Random(0)).answers))  # a known architecture to start from, if you have one
    study.optimize(objective, n_trials=10)
    for trial in study.trials:
        print(f"trial {trial.number}: accuracy {trial.value:.3f}")
    print(f"best: {study.best_params}")


if __name__ == "__main__":
    main()
