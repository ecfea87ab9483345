"""Lookup: find an order, read what may be read, open one part of it for a purpose."""
