"""Intervals, paired tests, rank correlation, the verdict."""
