"""Despatch: what must ship, picked, scanned, labelled, handed over, and told to Amazon."""
