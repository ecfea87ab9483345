"""The inspector: looks at what the other processes cannot see, or should not be believed about (DESIGN 2).

It knows the formats and the installation's folders, no Django, no database, no key and no network. It trusts nothing
that our own code says of itself: its facts come from the kernel and from the files.
"""
