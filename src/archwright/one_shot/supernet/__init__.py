"""Supernet training, shared by all one-shot methods: schedule, data split, weight updates, and shared-weight scores."""
