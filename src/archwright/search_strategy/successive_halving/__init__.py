"""Rungs and promotions, and the strategy that proposes the new networks."""
