"""What speaks: the port that engines implement, the engines, and the narration that is made of their sentences."""
