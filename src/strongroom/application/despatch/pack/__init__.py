"""The pack station: one field, one scan, one label."""
