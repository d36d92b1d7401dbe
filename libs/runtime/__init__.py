"""What a service stands on: settings, child processes, the HTTP shell, a graceful run."""
