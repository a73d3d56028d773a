"""What searches by a controller are made of."""
