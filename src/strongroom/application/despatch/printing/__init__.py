"""Label printers: IPP over TLS with a pinned certificate, and nothing else (ET-1)."""
