"""Surrogates, which predict the score of a network from the results so far, and how networks are represented for them."""
