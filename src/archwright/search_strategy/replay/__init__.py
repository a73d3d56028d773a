"""What a strategy has learned, rebuilt by replaying the history, so that a resumed search continues unchanged."""
