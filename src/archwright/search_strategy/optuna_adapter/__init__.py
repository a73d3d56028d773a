"""The adapter to Optuna: its samplers as our strategies, and our strategies as an Optuna sampler."""
