"""The generator: makes the clip of a shot, through a backend."""
