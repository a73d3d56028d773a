"""The executor `ray`: trainings on a cluster, and what they take along to its nodes."""
