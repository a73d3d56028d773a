"""Parts of gradient-based one-shot search: alphas, relaxations, regularization, and the alternating updates of DARTS."""
