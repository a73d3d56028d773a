"""Parameters, MACs, memory, latency, energy: every number with its unit."""
