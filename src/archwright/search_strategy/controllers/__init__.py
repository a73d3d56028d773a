"""The LSTM controller that samples architectures, and the policy-gradient losses that train it on rewards."""
