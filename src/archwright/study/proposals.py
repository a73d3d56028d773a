"""Ask a strategy until it proposes a new network: the same rules for searches that train and for tabular benchmarks.

Equal networks are never trained twice. A proposal of a known network gets a number and the known result; if that result is still
pending, the proposal waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

EXHAUSTED_AFTER = 1000
"""A search ends after this many consecutive proposals of known or refused networks: nothing new is expected."""
MOST_PENDING_REPEATS = 10
"""After this many consecutive proposals of networks still in training, the strategy is not asked again before the next result."""

Entry = TypeVar("Entry")


class Proposals(Protocol[Entry]):
    """What one strategy has proposed so far, wherever that is stored: one entry per proposal.

    `pending_repeats`: how often pending networks were proposed again since the last new network or result.
    """

    pending_repeats: int

    @property
    def exhausted(self) -> bool:
        """Whether no new network is expected, see `EXHAUSTED_AFTER`."""
        ...

    @property
    def waits(self) -> bool:
        """Whether the strategy must not be asked before the next result, see `MOST_PENDING_REPEATS`."""
        ...

    def propose(self) -> Entry | None:
        """Ask the strategy and record its proposal; None if nothing was recorded."""
        ...

    def known(self, entry: Entry) -> Entry | None:
        """The earlier entry with an equal network: finished, refused or pending."""
        ...

    def is_pending(self, entry: Entry) -> bool: ...

    def repeats(self, entry: Entry) -> Iterable[Entry]:
        """The entries that wait for this entry's result."""
        ...

    def copy_result(self, entry: Entry, known: Entry) -> None:
        """Give an entry the result of an equal network."""
        ...


def next_new(proposals: Proposals[Entry]) -> Entry | None:
    """The next entry whose network is to be evaluated; None if the strategy has to wait or is exhausted."""
    while not (proposals.waits or proposals.exhausted):
        entry = proposals.propose()
        if entry is None:
            continue
        known = proposals.known(entry)
        if known is None:
            proposals.pending_repeats = 0
            return entry
        if proposals.is_pending(known):
            proposals.pending_repeats += 1
        else:
            proposals.copy_result(entry, known)
    return None


def give_result_to_repeats(proposals: Proposals[Entry], entry: Entry) -> None:
    """Give the result that an entry has just received to the entries that waited for it."""
    for repeat in proposals.repeats(entry):
        proposals.copy_result(repeat, entry)
