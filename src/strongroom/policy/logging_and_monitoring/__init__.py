"""Logging and monitoring."""
