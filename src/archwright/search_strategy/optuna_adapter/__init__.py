"""Between Optuna's samplers and our strategies, both ways."""
