"""Projects: what lasts beside a song, and what people change of it."""
