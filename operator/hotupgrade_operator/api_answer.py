"""IO: calls to the API server that end, and its raw answers, whose errors are left to us."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from kubernetes.aio import client

CALL_SECONDS = 30.0  # the client's own bound is five minutes

P = ParamSpec("P")
T = TypeVar("T")


def bounded(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A call to an API server that has gone silent raises TimeoutError."""

    @functools.wraps(call)
    async def within(*args: P.args, **kwargs: P.kwargs) -> T:
        async with asyncio.timeout(CALL_SECONDS):
            return await call(*args, **kwargs)

    return within


async def answered(response: Any) -> bytes:
    """The body. Raises ApiException where the server refused."""
    raw: bytes = await response.read()
    if response.status >= 400:
        raise client.ApiException(status=response.status, reason=raw[:500].decode(errors="replace"))
    return raw
