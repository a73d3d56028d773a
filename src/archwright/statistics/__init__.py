"""Confidence intervals, paired tests, rank correlation and the verdict."""
