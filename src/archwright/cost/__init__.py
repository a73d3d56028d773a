"""The cost of a network: parameters, MACs, memory, latency, energy; every number with its unit."""
