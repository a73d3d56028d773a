"""What is watched during a search, and what it leaves for the report."""
