"""What an installation stands on: folders, PostgreSQL, certificates, configuration, and the supervisor."""
