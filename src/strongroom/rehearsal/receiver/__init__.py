"""A webhook receiver for tests: HTTPS, verifies each signature, remembers what it got, and its faults."""
