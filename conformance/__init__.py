"""Conformance suite: every backend against one set of golden values."""

__version__ = "0.1.0"
