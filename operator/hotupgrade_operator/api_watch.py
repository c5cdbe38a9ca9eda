"""IO: what an API server sends in a watch, event by event."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from kubernetes.aio import client

WATCH_SECONDS = 290  # below what load balancers cut at
MAX_LINE_BYTES = 4 << 20  # an object is 1.5 MiB at most, as etcd holds it
GONE = 410


class WatchEnded(Exception):
    """The API server cannot go on from our version: list anew."""


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str


class _Versioned(msgspec.Struct):
    metadata: _Version


class Event(msgspec.Struct):
    type: str  # ADDED, MODIFIED, DELETED, BOOKMARK
    object: msgspec.Raw  # of a BOOKMARK it has a version, and fields that are null

    @property
    def version(self) -> str:
        """Where a watch goes on from."""
        return msgspec.json.decode(self.object, type=_Versioned).metadata.resource_version


class _Failure(msgspec.Struct):
    code: int = 0
    message: str = ""


async def events(response: Any) -> AsyncIterator[Event]:
    """Until the server ends it. Raises WatchEnded or ApiException."""
    async with response:
        if response.status == GONE:
            raise WatchEnded("the version is too old")
        if response.status >= 400:
            raise client.ApiException(status=response.status, reason=response.reason)
        async for line in _lines(response):
            event = msgspec.json.decode(line, type=Event)
            if event.type == "ERROR":
                failure = msgspec.json.decode(event.object, type=_Failure)
                raise WatchEnded(failure.message)
            yield event


async def _lines(response: Any) -> AsyncIterator[bytes]:
    """aiohttp's own readline refuses a line of more than 128 kB."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > MAX_LINE_BYTES:
            raise WatchEnded(f"a line of more than {MAX_LINE_BYTES} bytes")
