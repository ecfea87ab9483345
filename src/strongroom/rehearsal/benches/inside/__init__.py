"""What is timed within a process of ours: Django, the role's own database rights, and its way to the broker."""
