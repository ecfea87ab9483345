"""The leak scanner: invented customers go through an installation; no file of it may then hold a word of theirs.

RR-4, LM-3. What scans knows formats only, no Django and no database, so that it also runs as a process of its own.
"""
