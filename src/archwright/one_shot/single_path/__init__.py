"""Parts of single-path one-shot search: a training step on sampled paths, and the search for the best path."""
