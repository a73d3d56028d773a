"""Use a model that a search has saved: in PyTorch, and without PyTorch or archwright by its ONNX file.

`python load_model.py RUN/model` for an image model of yours; without an argument a short search makes one first.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

import archwright


def a_model() -> Path:
    """The model folder of a search that takes seconds. Once the run is finished the same call trains nothing."""
    result = archwright.search(
        "digits", trials=1, epochs=3, seeds=1, baselines=(), random=False, executor="serial", out="runs/load-model"
    )
    return result.best.folder


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else a_model()

    model = archwright.load_model(folder)  # a plain nn.Module: normalisation, network, and the targets' units are in it
    shape, names = model.problem.input_shape, model.problem.names
    x = np.random.default_rng(0).integers(0, 17, (4, *shape)).astype(np.float32)  # raw values, as in your files
    logits = archwright.predict(model, x)  # (4, outputs); in batches, without gradients

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    output, probabilities = session.run(["output", "probabilities"], {"input": x})
    print(f"inputs {shape}, outputs {', '.join(names)}")
    for row, of_row in zip(output, probabilities, strict=True):
        print(f"{names[row.argmax()]} with probability {of_row.max():.2f}")
    print(f"largest difference between PyTorch and ONNX: {np.abs(output - logits).max():.1e}")


if __name__ == "__main__":
    main()
