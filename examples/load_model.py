"""Use a model saved by a search: in PyTorch, and from its ONNX file without PyTorch or archwright."""

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

import archwright


def main() -> None:
    # A search that takes seconds. Once the run is finished, the same call trains nothing.
    result = archwright.search(
        "digits", trials=1, epochs=3, seeds=1, baselines=(), random=False, executor="serial", out="runs/load-model"
    )
    folder = result.path / "model"

    pixels, labels = load_digits(return_X_y=True)
    x = pixels[:10].reshape(-1, 1, 8, 8).astype(np.float32)  # raw values: normalisation is part of the model
    model = archwright.load_model(folder)  # a plain nn.Module, (B, 1, 8, 8) -> (B, 10) logits
    logits = archwright.predict(model, x)  # the same for arrays: in batches, without gradients
    print(f"classes: {', '.join(model.problem.names)}; true: {labels[:10]}, predicted: {logits.argmax(axis=1)}")

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    output, probabilities = session.run(["output", "probabilities"], {"input": x})
    print(f"with ONNX: {output.argmax(axis=1)}, with probabilities {probabilities.max(axis=1).round(2)}")
    print(f"largest difference between the logits: {np.abs(output - logits).max():.1e}")


if __name__ == "__main__":
    main()
