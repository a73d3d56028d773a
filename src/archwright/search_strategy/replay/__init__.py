"""What a strategy knows, made anew from the history."""
