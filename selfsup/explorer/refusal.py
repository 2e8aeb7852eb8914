"""What a request cannot have: a status of HTTP and a sentence that says what to do."""


class Refused(Exception):
    """Ends a request.

    Args:
        status: of HTTP: 400 malformed, 403 not allowed, 404 not there, 408 too slow, 409 not now, 413 too long,
            429 too often.
        sentence: for people.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
