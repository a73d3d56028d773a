"""Controllers that answer a space's questions, and how they learn from rewards."""
