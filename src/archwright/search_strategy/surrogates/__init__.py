"""Models of all results so far, and how they see networks."""
