"""Encryption in transit: every link and its transport."""
