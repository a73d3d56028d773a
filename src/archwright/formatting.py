"""Numbers formatted for people, in one place, so that the terminal, the verdict and the report never disagree.

A missing number (None, or not finite) is a dash everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MISSING = "\N{EN DASH}"
PERCENT_METRICS = frozenset({"accuracy"})
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
LEAST = {"accuracy": 0.0, "f1": 0.0, "perplexity": 1.0, "bits_per_character": 0.0}
MOST = {"accuracy": 1.0, "f1": 1.0, "r2": 1.0}
"""Bounds of the metrics; one that is not named is unbounded."""
DIGITS = {"perplexity": 2, "bits_per_character": 3}
DEFAULT_DIGITS = 4
NAMES = {"accuracy": "accuracy", "f1": "macro F1", "r2": "R²", "bits_per_character": "bits per character"}


def finite(value: Any) -> float | None:
    """`value` (a number or a string) as a float; None if it is missing, not a number, or not finite."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def metric_name(metric: str) -> str:
    """The metric's name in running text."""
    return NAMES.get(metric, metric.replace("_", " "))


def is_percent(metric: str) -> bool:
    """Whether the metric is shown in percent."""
    return metric in PERCENT_METRICS


def metric_text(metric: str, value: Any) -> str:
    """`97.85 %` for an accuracy of 0.9785; other metrics as plain decimals, `0.9785`."""
    number = finite(value)
    if number is None:
        return MISSING
    return f"{100 * number:.2f} %" if is_percent(metric) else _with_minus_sign(f"{number:.{_digits(metric)}f}")


def interval_text(metric: str, interval: Sequence[Any] | None) -> str:
    """The bounds of a confidence interval, clipped to the metric's range; a dash if there is none."""
    if interval is None or finite(interval[0]) is None or finite(interval[1]) is None:
        return MISSING
    low = max(float(interval[0]), LEAST.get(metric, -math.inf))
    high = min(float(interval[1]), MOST.get(metric, math.inf))
    if is_percent(metric):
        return _with_minus_sign(f"{100 * low:.2f} to {100 * high:.2f} %")
    return _with_minus_sign(f"{low:.{_digits(metric)}f} to {high:.{_digits(metric)}f}")


def difference_text(metric: str, value: float, signed: bool = True) -> str:
    """A difference between two values of the metric: in percentage points for accuracy."""
    plus = "+" if signed else ""
    if is_percent(metric):
        return _with_minus_sign(f"{100 * value:{plus}.2f} percentage points")
    return _with_minus_sign(f"{value:{plus}.{_digits(metric)}f}")


def difference_interval_text(metric: str, interval: Sequence[float]) -> str:
    """The bounds of the interval of a difference, without the unit, which precedes them."""
    scale, digits = (100, 2) if is_percent(metric) else (1, _digits(metric))
    return _with_minus_sign(f"{scale * interval[0]:+.{digits}f} to {scale * interval[1]:+.{digits}f}")


def scale_of(metric: str, value: Any) -> float:
    """The scale of a difference: 1, or for perplexity its own value, as networks are trained on its logarithm."""
    return finite(value) or 1.0 if metric == "perplexity" else 1.0


def _digits(metric: str) -> int:
    return DIGITS.get(metric, DEFAULT_DIGITS)


def count_text(value: Any) -> str:
    """A count, such as parameters or MACs: three significant digits with k, M, G or T; exact below 1000."""
    number = finite(value)
    if number is None:
        return MISSING
    if abs(number) < 1000:
        return _with_minus_sign(f"{number:.0f}" if number == int(number) else f"{number:.3g}")
    size, unit = next(((size, unit) for size, unit in UNITS if abs(number) >= 0.9995 * size), UNITS[-1])
    return _with_minus_sign(f"{_three_digits(number / size)} {unit}")


def seconds_text(value: Any) -> str:
    """A duration in seconds, shown in ms, s, min or h."""
    number = finite(value)
    if number is None:
        return MISSING
    if abs(number) < 0.9995:
        return f"{_three_digits(1000 * number)} ms"
    if abs(number) < 99.5:
        return f"{_three_digits(number)} s"
    if abs(number) < 90 * 60:
        return f"{number / 60:.1f} min"
    return f"{number / 3600:.1f} h"


def milliseconds_text(value: Any) -> str:
    """A duration in milliseconds, shown like `seconds_text`."""
    number = finite(value)
    return MISSING if number is None else seconds_text(number / 1000)


def memory_text(value: Any) -> str:
    """A memory size in MB, shown in kB, MB or GB."""
    number = finite(value)
    if number is None:
        return MISSING
    if number < 1:
        return f"{_three_digits(1000 * number)} kB"
    return f"{number:.0f} MB" if number < 1000 else f"{_three_digits(number / 1000)} GB"


def energy_text(value: Any) -> str:
    """An energy in Wh, shown in mWh, Wh or kWh."""
    number = finite(value)
    if number is None:
        return MISSING
    if number < 0.01:
        return f"{_three_digits(1000 * number)} mWh"
    return f"{_three_digits(number)} Wh" if number < 999.5 else f"{_three_digits(number / 1000)} kWh"


def times_text(ratio: float) -> str:
    """A ratio: `3.2 times`, `41 times`, `1,200 times`."""
    return f"{ratio:,.1f} times" if ratio < 10 else f"{ratio:,.0f} times"


def plural(count: int, noun: str, plural_form: str | None = None) -> str:
    """A count with its noun: `1 seed`, `3 seeds`, `2,000 trials`."""
    return f"{count:,} {noun if count == 1 else plural_form or noun + 's'}"


def _three_digits(number: float) -> str:
    """Three significant digits, but never fewer than the integer part has: `0.500`, `48.3`, `512`, `1235`."""
    return f"{number:.0f}" if abs(number) >= 999.5 else f"{number:#.3g}".rstrip(".")


def _with_minus_sign(text: str) -> str:
    """Replace hyphens with the typographic minus sign."""
    return text.replace("-", "\N{MINUS SIGN}")
