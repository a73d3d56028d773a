"""A strategy is asked until it names a network that is not known yet: the same rules for searches that train and for tables.

An equal network is never trained twice. A proposal of one that is known takes a number and its result; where that is still
pending, it waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

EXHAUSTED_AFTER = 1000
"""A search ends after so many proposals in a row that name known or refused networks: nothing new is to be expected."""
MOST_PENDING_REPEATS = 10
"""After so many proposals in a row of networks still in training, the strategy waits for a result that may change its mind."""

Entry = TypeVar("Entry")


class Proposals(Protocol[Entry]):
    """What one strategy has proposed so far, wherever that is kept: an entry per proposal.

    `pending_repeats`: how many pending networks were proposed again since the last new network or result.
    """

    pending_repeats: int

    @property
    def exhausted(self) -> bool:
        """Whether nothing new is to be expected, see `EXHAUSTED_AFTER`."""
        ...

    @property
    def waits(self) -> bool:
        """Whether the strategy is not to be asked before the next result, see `MOST_PENDING_REPEATS`."""
        ...

    def propose(self) -> Entry | None:
        """Ask the strategy and write its proposal down; None where nothing was written."""
        ...

    def known(self, entry: Entry) -> Entry | None:
        """The earlier entry with an equal network: finished, refused or pending."""
        ...

    def is_pending(self, entry: Entry) -> bool: ...

    def repeats(self, entry: Entry) -> Iterable[Entry]:
        """The entries that wait for this one's result."""
        ...

    def settle(self, entry: Entry, known: Entry) -> None:
        """Give an entry the result of an equal network."""
        ...


def next_new(proposals: Proposals[Entry]) -> Entry | None:
    """The next entry whose network is to be evaluated; None where the strategy has to wait, or is exhausted."""
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
            proposals.settle(entry, known)
    return None


def settle_repeats(proposals: Proposals[Entry], entry: Entry) -> None:
    """Give the result of an entry that has just been written to those that waited for it."""
    for repeat in proposals.repeats(entry):
        proposals.settle(repeat, entry)
