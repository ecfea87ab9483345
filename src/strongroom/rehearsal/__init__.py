"""The rehearsal: the same processes on a clock that can be moved, against a simulated Amazon. Never on live data."""
