"""What keeps an installation from starting, and what to do about it."""


class CannotStart(Exception):
    """Nothing was started. `sentence` says why, `remedy` what to do."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy
