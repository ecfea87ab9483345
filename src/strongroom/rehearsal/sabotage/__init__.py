"""Sabotage: each clause's promise broken on purpose, against the real running parts, to see its tile turn (CLAUSES)."""
