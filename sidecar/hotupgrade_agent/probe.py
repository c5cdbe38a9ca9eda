"""The dark probe: asks one process generation on the app's real port, whatever the weights are.

A source port of the process' slot, together with the destination's own address as the source (only
this pod can send that), makes the kernel pick its socket.
"""

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass
from functools import cache

import aiohttp
import msgspec

from hotupgrade_api.body import read_body
from hotupgrade_api.launcher_messages import LauncherStatus, ProcessGeneration, SocketStatus
from hotupgrade_api.resource import Expect, Health, HttpGet

MAX_BODY_BYTES = 1 << 20
_LINGER_NONE = struct.pack("ii", 1, 0)  # close by RST: no TIME_WAIT on the few probe ports


@dataclass(frozen=True)
class ProbeResult:
    """why is empty where the process is healthy."""

    why: str = ""

    @property
    def healthy(self) -> bool:
        return not self.why


def resolved(wanted: Health, default: Health | None) -> Health:
    """Pure: the probe to run. Where the spec names none, it is the template's, with its own
    time-out unless the spec names one."""
    if wanted.http_get or wanted.tcp_socket or default is None:
        return wanted
    named = wanted.timeout_seconds != Health().timeout_seconds
    return msgspec.structs.replace(
        wanted,
        http_get=default.http_get,
        tcp_socket=default.tcp_socket,
        timeout_seconds=wanted.timeout_seconds if named else default.timeout_seconds,
    )


def generation_of(status: LauncherStatus, number: int) -> ProcessGeneration | None:
    return next((g for g in status.generations if g.number == number), None)


async def probe(health: Health, generation: ProcessGeneration) -> ProbeResult:
    """One probe. Without httpGet and tcpSocket: a connection to each socket."""
    try:
        async with asyncio.timeout(health.timeout_seconds):
            if health.http_get is not None:
                target = _socket_on(health.http_get.port, generation)
                return await _http(health.http_get, health.expect, target)
            port = health.tcp_socket.port if health.tcp_socket else None
            targets = [_socket_on(port, generation)] if port else generation.sockets
            for target in targets:
                await _connect(target)
            return ProbeResult()
    except TimeoutError:
        return ProbeResult(f"no answer within {health.timeout_seconds:g} s")
    except (OSError, aiohttp.ClientError) as error:
        return ProbeResult(str(error) or type(error).__name__)


def judge(expect: Expect, status: int, body: bytes) -> ProbeResult:
    """Pure: whether the answer is what was expected; 200 to 399 where no status is named."""
    if expect.status is not None and status != expect.status:
        return ProbeResult(f"answered {status}, expected {expect.status}")
    if expect.status is None and not 200 <= status <= 399:
        return ProbeResult(f"answered {status}, expected 200 to 399")
    if not expect.json:
        return ProbeResult()
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ProbeResult("answered no JSON")
    for path, wanted in expect.json.items():
        value = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value != wanted:
            return ProbeResult(f"{path} is {value!r:.100}, expected {wanted!r}")
    return ProbeResult()


def _socket_on(port: int, generation: ProcessGeneration) -> SocketStatus:
    for candidate in generation.sockets:
        if candidate.address.rpartition(":")[2] == str(port):
            return candidate
    raise OSError(f"the new process does not listen on port {port}")


def _host(target: SocketStatus) -> tuple[str, int]:
    """Where it can be reached from here: the wildcard addresses are on loopback, too. In a pod with
    IPv4 only, `[::]` is reached over IPv4: its packets are IPv4's own, and steered as such."""
    host, _, port = target.address.rpartition(":")
    host = host.strip("[]").partition("%")[0]
    if host == "::":
        host = "::1" if _has_ipv6_loopback() else "127.0.0.1"
    return "127.0.0.1" if host == "0.0.0.0" else host, int(port)  # noqa: S104


def _has_ipv6_loopback() -> bool:
    """Not so where the sysctl net.ipv6.conf.all.disable_ipv6 is 1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as found:
            found.bind(("::1", 0))
    except OSError:
        return False
    return True


def _bound(host: str, target: SocketStatus) -> socket.socket:
    """A socket on a free probe port. Raises OSError where all of them are taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first, last = target.probe_ports
    error: OSError | None = None
    for port in range(first, last + 1):
        probe_socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        try:
            probe_socket.bind((host, port))
            return probe_socket
        except OSError as caught:
            probe_socket.close()
            error = caught
    raise error or OSError("cannot probe: the launcher named no probe ports")


async def _connect(target: SocketStatus) -> None:
    host, port = _host(target)
    with _bound(host, target) as probe_socket:
        await asyncio.get_running_loop().sock_connect(probe_socket, (host, port))


@cache
def unverified() -> ssl.SSLContext:
    """Made once, and for https only: it costs more than a probe. A kubelet does not verify an app's
    certificate either: it has none of the app's names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _http(get: HttpGet, expect: Expect, target: SocketStatus) -> ProbeResult:
    host, port = _host(target)
    connector = aiohttp.TCPConnector(
        socket_factory=lambda _: _bound(host, target),
        ssl=unverified() if get.scheme == "HTTPS" else True,
        force_close=True,
    )
    name = f"[{host}]" if ":" in host else host
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        url = f"{get.scheme.lower()}://{name}:{port}{get.path}"
        # A packed answer would not be unpacked.
        headers = {"User-Agent": "hotupgrade", "Accept-Encoding": "identity", **get.headers}
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            body = await read_body(response.content, MAX_BODY_BYTES)
            return judge(expect, response.status, body)
