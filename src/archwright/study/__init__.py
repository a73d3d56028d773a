"""The ledger, resuming, the final protocol, statistics, the verdict."""
