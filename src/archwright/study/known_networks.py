"""When a strategy that only names known networks is at its end, or has to wait."""

EXHAUSTED_AFTER = 1000
"""Proposals in a row without a training (known or refused networks) after which a strategy's search is at its end."""

MOST_PENDING_REPEATS = 10
"""Proposals in a row, between two results, of networks in training, after which a strategy waits for a result."""
