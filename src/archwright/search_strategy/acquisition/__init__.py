"""Which candidate a surrogate's word speaks for."""
