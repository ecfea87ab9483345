"""Data retention and recovery."""
