"""Strongroom: the policy you publish is the policy you run."""
