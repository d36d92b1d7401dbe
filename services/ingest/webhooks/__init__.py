"""Webhooks: who is told of a job's end, what was sent, and what became of it."""
