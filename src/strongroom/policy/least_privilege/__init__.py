"""Least privilege: people, roles, grants, and the one gate that every entrance passes."""
