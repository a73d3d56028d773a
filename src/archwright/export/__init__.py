"""A trained network leaves the house: model folder, ONNX, predictions."""
