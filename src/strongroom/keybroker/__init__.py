"""The key broker: only holder of keys, only writer of the journal's tree. No Django, no database, no network."""
