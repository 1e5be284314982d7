"""Workflows, and the protocols that fill their inputs."""
