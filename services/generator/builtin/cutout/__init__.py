"""The theme picture's subject, cut out: its edge, where it stands, its halo, and the hook behind it."""
