"""Typefaces: which there are, what each can draw, and which one a text is set in."""
