"""Fixtures for all tests: real servers, each its own on a free port."""

pytest_plugins = ["tests.servers.nats", "tests.servers.postgres", "tests.servers.s3"]
