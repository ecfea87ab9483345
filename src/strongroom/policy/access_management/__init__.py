"""Access management: how people come in, and how the first of them does."""
