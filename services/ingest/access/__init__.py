"""Who asks: users, their keys and tokens, and what they may reach."""
