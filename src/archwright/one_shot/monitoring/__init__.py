"""What is monitored during a one-shot search (entropies, skip connections, rank stability), and the log for the report."""
