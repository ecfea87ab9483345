"""A mail server for rehearsals and tests: SMTP with TLS, its last 50 mails in memory, and its faults."""
