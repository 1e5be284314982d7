"""A declarative experiment database for superionic conductors, built on AiiDA."""

__version__ = "0.1.0"
