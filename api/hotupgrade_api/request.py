"""A person's request to the operator: the annotation hotupgrade.io/request, "<verb>/<token>".

The token makes each request one of its own: the same verb again is another request, and one that
status.handledRequest holds whole was acted on.
"""

from dataclasses import dataclass
from enum import StrEnum

MOST_TOKEN_CHARACTERS = 64


class Verb(StrEnum):
    PROMOTE = "promote"  # ends the pause, or the wait, that the upgrade is in
    PROMOTE_FULL = "promote-full"  # skips every step that is left
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"  # takes the upgrade under way back
    RETRY = "retry"  # tries a rejected revision once more
    UNDO = "undo"  # back to the stable revision before, without a change of the spec


@dataclass(frozen=True)
class Request:
    verb: Verb
    token: str

    def __str__(self) -> str:
        """As the annotation holds it."""
        return f"{self.verb.value}/{self.token}"


def parse(annotation: str) -> Request | None:
    """None where it is no request: anybody who may write the HotUpgrade wrote it by hand."""
    verb, slash, token = annotation.partition("/")
    if not slash or not 0 < len(token) <= MOST_TOKEN_CHARACTERS or verb not in set(Verb):
        return None
    return Request(Verb(verb), token)
