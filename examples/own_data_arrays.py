"""Replace a slow simulator with a fast network: arrays in, several targets out.

The simulator, a placeholder for your own code, is a damped mass on a spring, released at a displacement of one metre. Its
inputs have no order, so their layout is "flat": otherwise (N, F) would be read as series of length F.
"""

import numpy as np

import archwright

TARGETS = ("frequency", "damping ratio", "distance after one second")


def simulate(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """x: (rows, 3) mass in kg, friction in kg/s, stiffness in N/m. y: (rows, 3) in Hz, 1, m; all are underdamped."""
    rng = np.random.default_rng(seed)
    mass, friction, stiffness = rng.uniform([0.5, 0.1, 5.0], [2.0, 1.5, 20.0], (rows, 3)).T
    natural = np.sqrt(stiffness / mass)  # rad/s
    ratio = friction / (2 * np.sqrt(stiffness * mass))
    swinging = natural * np.sqrt(1 - ratio**2)
    distance = np.exp(-ratio * natural) * (np.cos(swinging) + ratio * natural / swinging * np.sin(swinging))
    return np.column_stack([mass, friction, stiffness]), np.column_stack([swinging / (2 * np.pi), ratio, distance])


def main() -> None:
    x, y = simulate(400)
    result = archwright.search(
        archwright.Arrays(x=x, y=y, name="spring", layout="flat"),
        trials=2,
        epochs=8,
        seeds=2,
        baselines=("random_forest",),
        executor="serial",  # fastest for trainings of about a second; "processes" is safer for long ones
        out="runs/spring",
    )
    print(result.table())
    print(result.verdict)
    new_x, new_y = simulate(5, seed=1)
    predicted = archwright.predict(result.best.model, new_x)  # (5, 3), in the units of y
    for name, simulated, prediction in zip(TARGETS, new_y.T, predicted.T, strict=True):
        print(f"{name}: simulated {np.round(simulated, 2)}, predicted {np.round(prediction, 2)}")


if __name__ == "__main__":
    main()
