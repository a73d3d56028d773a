"""What searches by the gradient of alphas are made of."""
