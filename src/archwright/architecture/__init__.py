"""Questions, answers, architectures: pure data, no torch."""
