"""Pure: which servers users may have the operator ask (HOTUPGRADE_OPERATOR_PROMETHEUS_ALLOWED).

A URL in a HotUpgrade is followed from where the operator stands, so it could reach what its author
cannot. Link-local addresses and those of clouds' metadata services are never asked; loopback, the
operator's own pod, only where a pattern names that very host.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}
PATTERN = re.compile(
    r"(?P<host>\*|(?:\*\.)?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::(?P<port>\d{1,5}|\*))?"
)
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
NAT64 = IPv6Network("64:ff9b::/96")
# Metadata services that are not link-local: AWS over IPv6, Alibaba, Azure, Oracle.
METADATA = frozenset(
    ip_address(text)
    for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
Address = IPv4Address | IPv6Address


class HostRefused(OSError):
    """The server may not be asked; an OSError, for a resolver may raise no other."""


@dataclass(frozen=True)
class Pattern:
    host: str  # lower case; `*` is any, `*.x` any below x
    port: int | None  # None: any

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def matches(self, host: str, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return self.host in ("*", host)


@dataclass(frozen=True)
class AllowedHosts:
    patterns: tuple[Pattern, ...]

    @classmethod
    def parse(cls, text: str) -> "AllowedHosts":
        """Comma-separated HOST[:PORT]; empty allows none. Raises ValueError."""
        return cls(tuple(_pattern(part.strip()) for part in text.split(",") if part.strip()))

    def __str__(self) -> str:
        """As parse reads it."""
        return ",".join(str(pattern) for pattern in self.patterns)

    def check(self, url: str) -> None:
        """Before anything is resolved. Raises HostRefused."""
        parts, port = _parts(url)
        host = _host(parts)
        if parts.username is not None:
            raise HostRefused("a URL with a user or a password is refused: all may read it here")
        if parts.query or parts.fragment:
            raise HostRefused("a URL with a query or a fragment is refused: /api/v1/query follows")
        if not any(pattern.matches(host, port) for pattern in self.patterns):
            raise HostRefused(f"{host}:{port} is not among the hosts that the operator may ask")
        if (literal := _literal(host)) is not None:
            self.check_address(host, literal)

    def check_address(self, host: str, address: Address) -> None:
        """What the host was resolved to. Raises HostRefused."""
        plain = _unwrapped(address)
        if plain in METADATA or plain.is_link_local:
            raise HostRefused(f"{host} is {address}: link-local and metadata addresses are refused")
        if plain.is_unspecified or plain.is_multicast or (plain.version == 4 and plain.is_reserved):
            raise HostRefused(f"{host} is {address}, which is no server's address")
        if plain.is_loopback and not any(pattern.host == host for pattern in self.patterns):
            raise HostRefused(
                f"{host} is {address}: loopback is refused, unless the setting names this host"
            )


ANY = AllowedHosts((Pattern("*", None),))


def _pattern(text: str) -> Pattern:
    found = PATTERN.fullmatch(text)
    port = found["port"] if found else None
    if found is None or (port not in (None, "*") and not 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is no HOST[:PORT]; *, *.example.com, 10.0.0.1:9090 are")
    number = int(port) if port not in (None, "*") else None
    return Pattern(_plain(found["host"].strip("[]")), number)


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise HostRefused(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise HostRefused(f"{url!r} is no URL of a server; http://HOST:PORT is right")
    return parts, port or PORTS[parts.scheme]


def _host(parts: SplitResult) -> str:
    host = _plain(parts.hostname or "")
    # An HTTP client maps other spellings (percent signs, full-width digits) onto these, and would
    # then take for an address what was none here.
    if not HOST.fullmatch(host):
        raise HostRefused(f"{host!r} is no host's name or address in ASCII")
    return host


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that stands for it."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if inner is None and address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
