"""Where an artifact is fetched from: the hosts and ports that a pod must reach for it."""

import ipaddress
from urllib.parse import urlsplit

from hotupgrade_api.resource import Artifact
from hotupgrade_api.wire import Wire

PORTS = {"http": 80, "https": 443}
DEFAULT_REGISTRY = "registry-1.docker.io"


class Host(Wire, frozen=True):
    """name: a DNS name or an address, without brackets."""

    name: str
    port: int

    @property
    def address(self) -> str:
        """Empty where it is a name, which may lead anywhere."""
        try:
            return str(ipaddress.ip_address(self.name))
        except ValueError:
            return ""

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}"


def host_of(artifact: Artifact | None) -> Host | None:
    """The one that its source names; a redirect may lead on to others. None: nothing is fetched,
    or the source names none."""
    source = artifact.source if artifact else None
    if source is None:
        return None
    if source.http is not None:
        return _of_url(source.http.url)
    if source.s3 is not None:
        return _of_url(source.s3.endpoint)
    return _of_url(f"https://{_registry(source.oci.ref)}") if source.oci else None


def _registry(ref: str) -> str:
    """The first part, where it looks like a host; as every client of registries decides it."""
    first, slash, _ = ref.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named and first != "docker.io" else DEFAULT_REGISTRY


def _of_url(url: str) -> Host | None:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    return Host(parts.hostname, port) if parts.hostname and port else None
