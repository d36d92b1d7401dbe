"""What a user takes away, and what is left of them when they leave: nothing."""
