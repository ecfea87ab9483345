"""The public pages as they are served, and the desk from which they are published and answered for."""
