"""A refusal is ordinary: a promise held. One exception carries it from the guard to the page or exit code."""


class Refused(Exception):
    """The act was not done, because a clause forbids it.

    clause: id of the promise that was kept, such as "RR-2".
    sentence: plain words for the person who asked; never personal data.
    """

    def __init__(self, clause: str, sentence: str) -> None:
        super().__init__(f"{clause}: {sentence}")
        self.clause = clause
        self.sentence = sentence
