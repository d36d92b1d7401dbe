"""How long what users have is kept, and how much of it there may be."""
