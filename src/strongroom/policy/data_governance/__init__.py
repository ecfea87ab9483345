"""Data governance: places, threats, the public pages."""
