"""The training of a supernet, whichever method searches with it."""
