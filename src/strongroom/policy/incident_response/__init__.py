"""Incident response: what an alarm becomes."""
