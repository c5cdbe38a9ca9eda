"""IO: instant queries to Prometheus, and to what speaks its HTTP API (Thanos, Mimir, ...).

The address is a user's: what it names is checked before and after it is resolved, the connection
goes to the very address that was checked, no redirect is followed, an answer is bounded, and no
text of an answer gets into a message.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import os
import socket
from datetime import datetime
from ipaddress import ip_address

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from hotupgrade_operator.allowed_hosts import AllowedHosts, HostRefused

MAX_BYTES = 1 << 20
MOST_SERIES = 50
SECONDS = 10.0
MOST_CONNECTIONS = 20
# By what the API calls its error, in our words: the answer's own are somebody's server's.
ERRORS = {
    "bad_data": "it cannot read the query",
    "execution": "it cannot evaluate the query",
    "timeout": "the query took too long",
    "canceled": "it gave the query up",
    "unavailable": "it is not ready",
}


class NoAnswer(Exception):
    """The query has no result: the message says why, in our words."""


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, rename="camel"):
    status: str = ""
    data: _Data | None = None
    error_type: str = ""


class _Series(msgspec.Struct):
    value: tuple[float, str]


class _CheckedResolver(AbstractResolver):
    def __init__(self, allowed: AllowedHosts) -> None:
        self._allowed = allowed
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """One address that is refused refuses the name: it may be another's at the next try."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            address = ip_address(one["host"].partition("%")[0])
            self._allowed.check_address(host.rstrip(".").lower(), address)
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Prometheus:
    """One for all servers; made inside the running loop."""

    def __init__(self, allowed: AllowedHosts) -> None:
        self.allowed = allowed
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=SECONDS),
            connector=aiohttp.TCPConnector(
                resolver=_CheckedResolver(allowed), limit=MOST_CONNECTIONS
            ),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,  # a small body must not become a large one
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def query(self, address: str, text: str, at: datetime) -> tuple[float, ...]:
        """The sample of each series at that time, NaN too; () where there is none. Raises
        NoAnswer."""
        form = {"query": text, "time": f"{at.timestamp():.3f}", "timeout": f"{SECONDS:.0f}s"}
        try:
            self.allowed.check(address)
            status, raw = await self._post(f"{address.rstrip('/')}/api/v1/query", form)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NoAnswer(f"cannot ask {address}: {_why(error)}") from error
        try:
            return _samples(status, raw)
        except NoAnswer as error:
            raise NoAnswer(f"cannot read what {address} answered: {error}") from error

    async def _post(self, url: str, form: dict[str, str]) -> tuple[int, bytes]:
        async with self._session.post(url, data=form, allow_redirects=False) as response:
            raw = bytearray()
            async for chunk in response.content.iter_chunked(1 << 16):
                raw += chunk
                if len(raw) > MAX_BYTES:
                    raise ValueError(f"its answer has more than {MAX_BYTES} bytes")
            return response.status, bytes(raw)


def _why(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HostRefused):
            return str(cause)
        cause = cause.__cause__
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number) if number else type(error).__name__
    if isinstance(error, aiohttp.ClientError):
        return type(error).__name__  # some of them quote what the server sent
    return str(error) or type(error).__name__


def _samples(status: int, raw: bytes) -> tuple[float, ...]:
    if 300 <= status < 400:
        raise NoAnswer(f"status {status}, and redirects are not followed")
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
    except msgspec.DecodeError:
        answer = _Answer()
    if status != 200 or answer.status != "success" or answer.data is None:
        why = ERRORS.get(answer.error_type, "which is no result of a query")
        raise NoAnswer(f"status {status}, {why}")
    return _values(answer.data)


def _values(data: _Data) -> tuple[float, ...]:
    kind = data.result_type if data.result_type in ("matrix", "string") else "something else"
    try:
        if data.result_type == "scalar":
            return (float(msgspec.json.decode(data.result, type=tuple[float, str])[1]),)
        if data.result_type != "vector":
            raise NoAnswer(f"a {kind}, and a vector or a scalar is right")
        series = msgspec.json.decode(data.result, type=list[_Series])
        if len(series) > MOST_SERIES:
            raise NoAnswer(f"{len(series)} series, {MOST_SERIES} at most: aggregate them")
        return tuple(float(one.value[1]) for one in series)
    except (msgspec.DecodeError, ValueError) as error:
        raise NoAnswer("samples that are no numbers") from error
