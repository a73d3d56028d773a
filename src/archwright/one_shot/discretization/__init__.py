"""Discretization: how the gates of a trained supernet become an architecture."""
