"""The policy: one folder a section, in the policy's order (docs/decisions)."""
