"""Benchmarks of strategies on tables of trained architectures, with their own results and page."""
