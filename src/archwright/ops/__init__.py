"""Building blocks of networks, for series (1-D) and images (2-D)."""
