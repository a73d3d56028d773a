"""archwright: neural architecture search on PyTorch that says honestly whether the search was worth it."""

__version__ = "0.1.0"
