"""A double of a ComfyUI server, written from answers and transcripts captured from real ones (see `captured`)."""
