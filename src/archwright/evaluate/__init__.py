"""Evaluation of architectures: jobs and outcomes, candidates and their history."""
