"""What work costs, and how much may be spent: estimates, reservations, caps."""
