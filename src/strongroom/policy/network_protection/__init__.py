"""Network protection: who reaches what."""
