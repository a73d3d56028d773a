"""What a network costs: parameters, MACs, memory, latency, energy; every number with its unit."""
