"""Bytes in, values out: everything a stranger needs to read what Strongroom writes.

Standard library and `cryptography` only. No clock, no file, no network, no database.
"""
