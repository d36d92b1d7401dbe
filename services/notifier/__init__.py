"""The notifier: tells the outside that a job has ended, by a signed webhook."""
