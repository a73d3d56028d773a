"""What a user should know about a run, in plain words: each function gives its finding as sentences with numbers and advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log2
from statistics import mean

from archwright.formatting import difference_text, finite, metric_name, metric_text, plural, scale_of
from archwright.report.methods_text import enumeration
from archwright.report.report_data import Curve, ReportData, Row
from archwright.report.supernet_findings import is_wide, warnings

FEW_TRIALS = 10
GUESSES = {
    "accuracy": "always predicting the most common class",
    "r2": "always predicting the mean",
    **dict.fromkeys(("perplexity", "bits_per_character"), "assigning every token the same probability"),
}
"""What a model that has learned nothing does, by metric."""
MANY_DUPLICATES = 0.3
OVERFITTING = {"accuracy": 0.05, "f1": 0.1, "r2": 0.1, "bits_per_character": 0.2, "perplexity": 0.3}
UNDERFITTING = {"accuracy": 0.02, "f1": 0.03, "r2": 0.03, "bits_per_character": 0.3, "perplexity": 0.4}
"""Differences between training and validation worth reporting, for perplexity relative ones. Training metrics include dropout."""


def findings_of(data: ReportData) -> list[str]:
    """All findings, the most serious first; an empty list if there are none."""
    findings: tuple[Callable[[ReportData], list[str]], ...] = (
        all_trials_failed,
        failed_trials,
        no_better_than_chance,
        problem_too_easy,
        simple_baseline_within_noise,
        few_trials,
        many_duplicates,
        ranking_noise,
        supernet_trouble,
        overfitting,
        training_worse_than_validation,
        left_out,
        cut_short,
    )
    return [sentence for finding in findings for sentence in finding(data)]


def _searched(data: ReportData, *states: str) -> list[Row]:
    return [row for row in data.rows if row.get("stage") == "search" and (not states or row.get("state") in states)]


def _trained(data: ReportData) -> list[Row]:
    return _searched(data, "complete", "failed", "pruned")


def all_trials_failed(data: ReportData) -> list[str]:
    """No training of the search finished."""
    failed = _searched(data, "failed")
    if not failed or _searched(data, "complete"):
        return []
    return [
        f"All {plural(len(failed), 'trial')} of the search failed ({_causes(failed)}), "
        "so nothing below reflects the quality of the search."
    ]


def failed_trials(data: ReportData) -> list[str]:
    """Some trainings diverged, ran out of memory or timed out."""
    failed = [row for row in data.rows if row.get("state") == "failed"]
    if not failed or not _searched(data, "complete"):
        return []
    diverged = [row for row in failed if _diverged(row)]
    advice = ": a lower learning rate (--set train.learning_rate=...) may help those that diverged" if diverged else ""
    trained = [row for row in data.rows if row.get("state") in ("complete", "failed", "pruned")]
    return [f"{len(failed):,} of {plural(len(trained), 'training')} failed ({_causes(failed)}){advice}."]


def _diverged(row: Row) -> bool:
    cause = str(row.get("cause")).lower()
    return any(word in cause for word in ("diverge", "nan", "not finite", "inf"))


def _causes(rows: Sequence[Row]) -> str:
    """The most common causes with their counts, cut at the first colon: what follows (an address, a size) varies by row."""
    counts = Counter(str(row.get("cause") or "cause not recorded").split(":")[0][:80] for row in rows)
    named = [f"{number:,} × {cause}" for cause, number in counts.most_common(3)]
    rest = sum(counts.values()) - sum(number for _, number in counts.most_common(3))
    return "; ".join([*named, *([f"{rest:,} × other causes"] if rest else [])])


def no_better_than_chance(data: ReportData) -> list[str]:
    """The best method is no better than always predicting the most common class, or the mean."""
    values = [value for m in data.methods if (value := finite(m.get("mean"))) is not None]
    floor = data.chance if data.chance is not None else _chance(data)
    if (
        not values
        or floor is None
        or data.as_score(best := max(values, key=data.as_score)) > data.as_score(floor) + _smallest_gain(data, floor)
    ):
        return []
    guess = GUESSES.get(data.metric, "guessing")
    best_words = f"The best method reaches {metric_text(data.metric, best)} test {metric_name(data.metric)}"
    return [f"{best_words}, no better than {guess} ({metric_text(data.metric, floor)}): check that each input has its own target."]


def _smallest_gain(data: ReportData, floor: float) -> float:
    return 0.02 * scale_of(data.metric, floor)


def _chance(data: ReportData) -> float | None:
    outputs = max(data.problem.outputs, 1)
    return {"accuracy": 1 / outputs, "r2": 0.0, "perplexity": float(outputs), "bits_per_character": log2(outputs)}.get(data.metric)


def problem_too_easy(data: ReportData) -> list[str]:
    """The results of all methods overlap across seeds."""
    ranges = [_range(m) for m in data.methods]
    known = [r for r in ranges if r is not None]
    several = [r for r in known if r[0] < r[1]]
    if len(known) < 3 or len(several) < 2 or max(low for low, _ in known) > min(high for _, high in known):
        return []
    return [
        f"The problem may be too easy to tell the methods apart: the results of all {len(known)} methods overlap across seeds, "
        f"from {metric_text(data.metric, min(low for low, _ in known))} to "
        f"{metric_text(data.metric, max(high for _, high in known))}. "
        "Choose the smallest network; a harder problem or less data would reveal differences."
    ]


def _range(method: Row) -> tuple[float, float] | None:
    values = [value for run in method.get("runs") or () if (value := finite(run.get("value"))) is not None]
    return (min(values), max(values)) if values else None


def simple_baseline_within_noise(data: ReportData) -> list[str]:
    """A classical model without a network does as well as the best method."""
    simple = [
        m
        for m in data.methods
        if m.get("kind") == "baseline" and finite(m.get("macs")) is None and finite(m.get("mean")) is not None
    ]
    networks = [m for m in data.methods if finite(m.get("macs")) is not None and finite(m.get("mean")) is not None]
    if not simple or not networks:
        return []
    best, network = (max(methods, key=lambda m: data.as_score(m["mean"])) for methods in (simple, networks))
    worst = min(map(data.as_score, network.get("ci95") or [network["mean"]]))
    if data.as_score(best["mean"]) < worst:
        return []
    return [
        f"A classical model, {best['name']}, is at least as good as the best network, within noise "
        f"({metric_text(data.metric, best['mean'])} against {metric_text(data.metric, network['mean'])} for {network['name']}): "
        "this problem may not need a neural network."
    ]


def few_trials(data: ReportData) -> list[str]:
    """A search that trained fewer than ten networks, unless it compared many more with shared weights."""
    sharing = {method["name"] for method in data.methods if method.get("one_shot")}
    counts = Counter(str(row.get("strategy")) for row in _trained(data))
    few = [f"{name} ({number})" for name, number in counts.items() if number < FEW_TRIALS and name not in sharing]
    if not few:
        return []
    return [
        f"Few networks were trained by {enumeration(few)}: with fewer than {FEW_TRIALS}, a search is mostly luck. "
        "Allow more time or more trials."
    ]


def many_duplicates(data: ReportData) -> list[str]:
    """The space is nearly exhausted, or the strategy keeps proposing the same networks."""
    found = []
    for name, rows in data.searches.items():
        repeated = sum(row.get("state") == "duplicate" for row in rows)
        if len(rows) >= FEW_TRIALS and repeated > MANY_DUPLICATES * len(rows):
            share = f"{repeated:,} of {plural(len(rows), 'proposal')}"
            found.append(
                f"{share} by {name} were networks it already knew: the space is small for this budget, or the search has converged."
            )
    return found


def ranking_noise(data: ReportData) -> list[str]:
    """The search ranks networks differently from the final trainings, or the final trainings fall short of the search."""
    pairs = _search_and_final(data)
    found = []
    if len(pairs) >= 3:
        concordance = _kendall(pairs)
        if concordance < 0.3:
            found.append(
                f"The search and the final trainings rank the best {len(pairs)} networks differently "
                f"(Kendall's tau {concordance:.2f}): the short trainings of the search are noisy. "
                "A larger --top-k or more epochs per candidate would make the choice more reliable."
            )
    losses = [data.as_score(search) - data.as_score(final) for search, final in pairs]
    if losses and mean(losses) > OVERFITTING[data.metric] / 2 * scale_of(data.metric, pairs[0][1]):
        found.append(
            f"Retrained from scratch, the chosen networks are {difference_text(data.metric, mean(losses), signed=False)} worse on "
            "validation than in the search: the best values of the search were partly luck."
        )
    return found


def _search_and_final(data: ReportData) -> list[tuple[float, float]]:
    """(validation metric in the search, its mean over the final trainings) of each retrained network."""
    search = {(row.get("strategy"), row.get("key")): data.value(row) for row in data.complete} if data.retrained else {}
    return [(value, data.retrained[key]) for key, value in search.items() if value is not None and key in data.retrained]


def _kendall(pairs: Sequence[tuple[float, float]]) -> float:
    """Kendall's tau: concordant minus discordant pairs, over all pairs."""
    signs = [((a[0] > b[0]) - (a[0] < b[0])) * ((a[1] > b[1]) - (a[1] < b[1])) for i, a in enumerate(pairs) for b in pairs[i + 1 :]]
    return sum(signs) / len(signs)


def supernet_trouble(data: ReportData) -> list[str]:
    """The warnings of one-shot searches, and supernets that lost much of their score when they were discretized."""
    found = []
    for method in data.methods:
        entry = method.get("one_shot") or {}
        found += [f"{method['name']}: {sentence}" for sentence in warnings(entry)]
        mixed, alone = finite(entry.get("supernet_score")), finite(entry.get("discretized_score"))
        if mixed is not None and alone is not None and is_wide(data.metric, mixed, alone):
            loss = difference_text(data.metric, abs(mixed - alone), signed=False)
            found.append(
                f"{method['name']}: discretized to one architecture, its supernet is {loss} worse on validation, because its "
                "weights were learned for the mixture. Judge the architecture by its score after training from scratch; another "
                "discretization or an entropy penalty may narrow the gap."
            )
    return found


def overfitting(data: ReportData) -> list[str]:
    """Final trainings that do far better on the training split than on the validation split."""
    gaps = {
        name: gap for name in data.curves if (gap := _gap(data, name)) is not None and gap > _threshold(data, name, OVERFITTING)
    }
    return _gap_sentence(
        data,
        gaps,
        "overfits: on the training split it is {} better than on validation",
        "More augmentation, weight decay or a smaller network may help",
    )


def training_worse_than_validation(data: ReportData) -> list[str]:
    """Final trainings that do worse on the training split than on the validation split."""
    gaps = {
        name: -gap for name in data.curves if (gap := _gap(data, name)) is not None and -gap > _threshold(data, name, UNDERFITTING)
    }
    return _gap_sentence(
        data,
        gaps,
        "is {} worse on the training split than on validation",
        "This is expected with augmentation or drop-path, which make training harder; without them, the splits differ or training "
        "was too short",
    )


def _gap_sentence(data: ReportData, gaps: dict[str, float], wording: str, advice: str) -> list[str]:
    if not gaps:
        return []
    parts = [f"{name} {wording.format(difference_text(data.metric, gap, signed=False))}" for name, gap in gaps.items()]
    return [f"{'; '.join(parts)}. {advice}."]


def _threshold(data: ReportData, name: str, thresholds: Mapping[str, float]) -> float:
    """The smallest difference worth reporting."""
    best = [val for curve in data.curves[name] if (val := _best_of(data, curve)[0]) is not None]
    return thresholds[data.metric] * scale_of(data.metric, mean(best) if best else None)


def _gaps(data: ReportData) -> dict[str, float]:
    """The gap of each method that has one."""
    return {name: gap for name in data.curves if (gap := _gap(data, name)) is not None}


def _gap(data: ReportData, name: str) -> float | None:
    """By how much the training metric beats the validation metric in the best validation epoch, mean over seeds."""
    best = [_best_of(data, curve) for curve in data.curves[name]]
    gaps = [data.as_score(train) - data.as_score(val) for val, train in best if val is not None and train is not None]
    return mean(gaps) if gaps else None


def _best_of(data: ReportData, curve: Curve) -> tuple[float | None, float | None]:
    """(validation, training) metric of the best validation epoch."""
    pairs = [(finite(record.get(f"val_{data.metric}")), finite(record.get("train_metric"))) for record in curve]
    known = [(val, train) for val, train in pairs if val is not None and train is not None]
    return max(known, key=lambda pair: (data.as_score(pair[0]), data.as_score(pair[1])), default=(None, None))


def left_out(data: ReportData) -> list[str]:
    """Something that was requested was left out."""
    skipped = data.results.get("skipped") or ()
    if not skipped:
        return []
    names = ", ".join(str(item.get("name")) for item in skipped)
    return [f"Some of what was requested was left out: {names} (reasons below)."]


def cut_short(data: ReportData) -> list[str]:
    """Final trainings that were still improving when they ended."""
    rising = [name for name, curves in data.curves.items() if curves and all(_rising(data, curve) for curve in curves)]
    if not rising:
        return []
    return [
        f"The final trainings of {enumeration(rising)} were still improving when they ended: "
        "more epochs or minutes may change the verdict."
    ]


def _rising(data: ReportData, curve: Curve) -> bool:
    """Whether the last tenth of the epochs brought more than a fifth of the gain of the second half, and not next to nothing."""
    known = [value for record in curve if (value := finite(record.get(f"val_{data.metric}"))) is not None]
    values = [data.as_score(value) for value in known]
    if len(values) < 4:
        return bool(values) and len(values) > 1 and max(values) == values[-1]
    tail = max(1, len(values) // 10)
    gained = max(values[-tail:]) - max(values[:-tail])
    return gained > 0.2 * max(max(values) - values[len(values) // 2], 0.005 * scale_of(data.metric, known[-1]))
