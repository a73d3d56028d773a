"""Comparing candidates by several objectives at once (Deb et al. 2002, NSGA-II)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest
from math import inf
from typing import NamedTuple

from archwright.evaluate.history import Candidate


class Fitness(NamedTuple):
    """NSGA-II's crowded-comparison operator (section III-B): first the better front, then the less crowded; higher is better.

    `rank`: 0 for the non-dominated front, -1 for the next, and so on. `crowding`: the crowding distance.
    """

    rank: float
    crowding: float


WORST_FITNESS = Fitness(-inf, 0.0)


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is at least as good as `other` in every objective and better in one; higher is better."""
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))


def non_dominated_fronts(scores: Sequence[Sequence[float]]) -> list[list[int]]:
    """The indices of `scores`, (N, M) and higher is better, front by front; equal scores share a front.

    Differs: in lexicographic order nothing is dominated by a later element, so each joins the first front without a member that
    dominates it; the fronts are those of Deb et al., section III-A, with fewer comparisons.
    """
    fronts: list[list[int]] = []
    for index in sorted(range(len(scores)), key=lambda i: tuple(scores[i]), reverse=True):
        for front in fronts:
            if not any(dominates(scores[member], scores[index]) for member in reversed(front)):
                front.append(index)
                break
        else:
            fronts.append([index])
    return fronts


def crowding_distances(scores: Sequence[Sequence[float]]) -> list[float]:
    """The crowding distance of each of one front's scores, (N, M): `crowding-distance-assignment`, section III-B.

    Infinite at the ends of each objective, else the sum over objectives of the neighbours' distance as a share of the range.
    """
    distances = [0.0] * len(scores)
    for objective in range(len(scores[0]) if scores else 0):
        values = [row[objective] for row in scores]
        order = sorted(range(len(scores)), key=values.__getitem__)
        width = values[order[-1]] - values[order[0]]
        distances[order[0]] = distances[order[-1]] = inf
        for before, index, after in zip(order, order[1:], order[2:], strict=False):
            distances[index] += (values[after] - values[before]) / width if width else 0.0
    return distances


def fitness(population: Sequence[Candidate]) -> list[Fitness]:
    """Each candidate's fitness within the population, in the same order: its score, or front and crowding if there are several.

    Candidates without scores (failed, running) are worse than all others.
    """
    values = [WORST_FITNESS] * len(population)
    scored = [(i, candidate.scores) for i, candidate in enumerate(population) if candidate.scores]
    if all(len(scores) == 1 for _, scores in scored):
        for i, scores in scored:
            values[i] = Fitness(scores[0], 0.0)
        return values
    for rank, front in enumerate(non_dominated_fronts([scores for _, scores in scored])):
        crowding = crowding_distances([scored[member][1] for member in front])
        for member, distance in zip(front, crowding, strict=True):
            values[scored[member][0]] = Fitness(-rank, distance)
    return values


def survivors(candidates: Sequence[Candidate], size: int) -> list[tuple[Candidate, Fitness]]:
    """The `size` fittest candidates with their `fitness`; ties go to the earlier (Deb et al. 2002, NSGA-II, section III-C)."""
    return nlargest(size, zip(candidates, fitness(candidates), strict=True), key=lambda member: member[1])


def pareto_front(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The non-dominated candidates, each network once, highest first score first; with one objective, all that tie for the best."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.scores:
            first.setdefault(candidate.key, candidate)
    front: list[Candidate] = []
    for candidate in sorted(first.values(), key=lambda c: c.scores or (), reverse=True):
        if not any(dominates(member.scores or (), candidate.scores or ()) for member in reversed(front)):
            front.append(candidate)
    return front
