"""The judges of the invariants, by what they look at; each is asked after every step."""
