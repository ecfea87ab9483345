"""Encryption and storage."""
