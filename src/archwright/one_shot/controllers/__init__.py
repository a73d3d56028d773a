"""Parts of controller-based one-shot search (ENAS): the policy, its rewards, and the alternating training phases."""
