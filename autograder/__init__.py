"""Grades notebooks: lifts the answers out of what was handed in, runs them apart, and judges from outside."""

__version__ = "0.1.0"
