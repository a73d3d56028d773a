"""The record of a run in Optuna's storage: rows, leases, the journal, and crash-safe JSON files."""
