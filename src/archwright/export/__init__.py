"""Exports trained networks: model folder, ONNX, predictions."""
