"""What those who run an installation look at and do: intake, GPU servers, queues, users, figures."""
