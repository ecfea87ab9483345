"""A label printer for rehearsals and tests: IPP over TLS, its last 20 labels in memory, and its faults."""
