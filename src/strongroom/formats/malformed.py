"""One error for every decoder: the bytes are not what the format says."""


class Malformed(ValueError):
    """These bytes do not follow the format; the message names the rule, never the content."""
