"""Modules put together from ops: cells, stages, heads, hand-designed baselines."""
