"""What searches by single paths are made of."""
