"""The seed of a training: it follows from the study's seed and the training, not from the worker that runs it."""

from __future__ import annotations

import hashlib


def training_seed(*parts: object) -> int:
    """A 31-bit seed from the study's seed and whatever identifies the training."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
