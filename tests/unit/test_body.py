"""How much of a body is read."""

import pytest

from hotupgrade_api.body import read_body


class Pieces:
    """Gives what has arrived, as a network does."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def read(self, n: int, /) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > n:
            self._pieces.insert(0, piece[n:])
        return piece[:n]


@pytest.mark.parametrize(
    ("pieces", "most", "read"),
    [
        ([], 10, b""),
        ([b"one"], 10, b"one"),
        ([b"one", b"two", b"3"], 10, b"onetwo3"),
        ([b"one", b"two"], 6, b"onetwo"),
        ([b"one", b"two"], 5, b"onetw"),
        ([b"hostile"], 3, b"hos"),
    ],
)
async def test_body_is_read_to_its_end_or_the_bound(
    pieces: list[bytes], most: int, read: bytes
) -> None:
    assert await read_body(Pieces(*pieces), most) == read
