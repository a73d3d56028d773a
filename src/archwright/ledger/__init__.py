"""What was proposed, trained and found, in Optuna's storage: rows, leases, the journal, files that survive a kill."""
