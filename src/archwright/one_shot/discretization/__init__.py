"""From gates to an architecture."""
