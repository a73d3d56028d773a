"""The one training loop, with its losses, metrics, augmentation and precision."""
