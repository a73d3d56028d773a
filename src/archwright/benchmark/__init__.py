"""Strategies on tables of trained architectures, with their own results and pages."""
