"""The Weisfeiler-Lehman subtree kernel (Shervashidze et al. 2011, JMLR 12) as used for NAS by Ru et al. 2021, arXiv:2006.07556."""

from __future__ import annotations

from collections import Counter

from archwright.architecture.labelled_graph import LabelledGraph


def weisfeiler_lehman_counts(graph: LabelledGraph, iterations: int) -> list[Counter[str]]:
    """How often each label occurs, before and after each iteration: `iterations` + 1 counts.

    An iteration relabels each node with its own label and the sorted labels of the nodes that it reads; the kernel of two graphs
    after h iterations is the dot product of their counts.
    Differs: labels are written out instead of compressed to numbers, so that they mean the same in every graph.
    """
    read: list[list[int]] = [[] for _ in graph.labels]
    for source, reader in graph.edges:
        read[reader].append(source)
    labels = list(graph.labels)
    counts = [Counter(labels)]
    for _ in range(iterations):
        labels = [f"{label}({', '.join(sorted(labels[s] for s in sources))})" for label, sources in zip(labels, read, strict=True)]
        counts.append(Counter(labels))
    return counts
