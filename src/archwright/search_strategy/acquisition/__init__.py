"""Acquisition functions: which candidate to train next, given a surrogate's mean and uncertainty."""
