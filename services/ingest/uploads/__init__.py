"""Files that people send or name: received or fetched, scanned, probed, kept until a job or project takes them."""
