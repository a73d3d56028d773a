"""Families of operations: one colour for all separable convolutions, whatever their kernel size."""

from __future__ import annotations

FALLBACKS = ("#2f6fde", "#c2620a", "#0b8f6a", "#7a5af0", "#c9327f", "#0987a8", "#8a7000", "#d0393b")
"""The page's light colours --s0 to --s7, for a drawing on its own."""

FAMILIES: tuple[tuple[str, str, int], ...] = (
    ("none", "no connection", -1),
    ("skip", "identity", 3),
    ("identity", "identity", 3),
    ("pool", "pooling", 2),
    ("avg", "pooling", 2),
    ("max", "pooling", 2),
    ("sep", "separable convolution", 0),
    ("dil", "dilated convolution", 4),
    ("mbconv", "inverted bottleneck", 4),
    ("bottleneck", "bottleneck", 5),
    ("conv", "convolution", 1),
    ("linear", "dense layer", 1),
    ("tanh", "hyperbolic tangent", 0),
    ("relu", "rectifier", 1),
    ("sigmoid", "sigmoid", 2),
)
"""Part of an operation's name, the name of its family, its colour number (-1: faint); the first match counts."""


def family(operation: str) -> tuple[str, int]:
    """The name and the colour number of an operation's family."""
    return next(((name, colour) for part, name, colour in FAMILIES if part in operation.lower()), ("other", 6))


def colour_of(operation: str) -> str:
    """The CSS colour of an operation's family."""
    number = family(operation)[1]
    return "var(--muted,#667085)" if number < 0 else f"var(--s{number},{FALLBACKS[number]})"
