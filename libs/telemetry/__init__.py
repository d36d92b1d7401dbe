"""Logs, metrics and traces: names, set-up and the small pieces that every service shares."""
