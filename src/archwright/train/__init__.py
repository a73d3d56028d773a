"""The training loop, with its losses, metrics, augmentation and precision."""
