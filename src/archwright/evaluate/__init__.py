"""An architecture, and what it is worth: jobs, outcomes, candidates and their history."""
