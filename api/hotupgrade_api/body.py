"""Reads the body of an HTTP answer to its end, never beyond a bound: any peer may be hostile."""

from typing import Protocol


class Stream(Protocol):
    """What aiohttp's StreamReader is."""

    async def read(self, n: int, /) -> bytes: ...


async def read_body(stream: Stream, most: int) -> bytes:
    """All of it, or its first `most` bytes. One read() gives what has arrived by then, not more."""
    body = b""
    while len(body) < most and (chunk := await stream.read(most - len(body))):
        body += chunk
    return body
