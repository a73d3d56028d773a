"""Modules composed from ops: cells, stages, supernets, language models, hand-designed baselines."""
