"""Pictures as data: colour, decoding, the subject, hues. NumPy and OpenCV alone; services build on it."""
