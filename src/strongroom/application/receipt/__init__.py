"""Receipt: an order comes in, is minimised and sealed (DF-1, DF-3, RR-1)."""
