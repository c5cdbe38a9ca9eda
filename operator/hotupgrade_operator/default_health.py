"""Pure: the dark probe that a container's own readiness probe stands for, and what of it cannot be
asked of one process alone. Whatever the probe says, an agent can read the result."""

from dataclasses import dataclass
from typing import Any, cast

import msgspec

from hotupgrade_api.resource import Health, HttpGet, Scheme, TcpSocket

Object = dict[str, Any]

INSTEAD = "instead each port must accept a connection; spec.health of the HotUpgrade says better"
# Istio has the kubelet ask its proxy in the app's place, by a path of this form.
REWRITTEN = "/app-health/"
MOST_SECONDS = 60


@dataclass(frozen=True)
class DefaultHealth:
    """health is None where a connection to each port is all there is; note says why."""

    health: Health | None = None
    note: str = ""


def default_health(container: Object) -> DefaultHealth:
    """Of the container's readiness probe, its ports by number."""
    probe = container.get("readinessProbe")
    if not probe:
        return _none("the container has no readiness probe")
    kind = next((name for name in ("httpGet", "tcpSocket") if probe.get(name)), "")
    if not kind:
        other = next((name for name in ("exec", "grpc") if probe.get(name) is not None), "other")
        return _none(f"a readiness probe of kind {other} is not asked of the new process")
    asked = probe[kind]
    port = _port(asked.get("port", 0), container)
    if port is None:
        return _none(f"the readiness probe's port {asked.get('port')!r} is none of the container's")
    if asked.get("host"):
        return _none(f"the readiness probe asks {asked['host']}, which is not the pod")
    if (asked.get("path") or "").startswith(REWRITTEN):
        return _none("the readiness probe asks istio-proxy, not the container")
    seconds = min(max(probe.get("timeoutSeconds") or 1, 1), MOST_SECONDS)
    if kind == "tcpSocket":
        found = Health(tcp_socket=TcpSocket(port=port), timeout_seconds=seconds)
    else:
        found = Health(http_get=_http_get(asked, port), timeout_seconds=seconds)
    try:
        # The constructors check nothing, and an agent that cannot read its settings does not start.
        return DefaultHealth(msgspec.json.decode(msgspec.json.encode(found), type=Health))
    except msgspec.ValidationError as error:
        return _none(f"cannot use the readiness probe: {error}")


def _none(why: str) -> DefaultHealth:
    return DefaultHealth(note=f"{why}: {INSTEAD}")


def _http_get(asked: Object, port: int) -> HttpGet:
    path = asked.get("path") or "/"
    return HttpGet(
        path=path if path.startswith("/") else f"/{path}",  # as the kubelet takes it
        port=port,
        scheme=cast(Scheme, (asked.get("scheme") or "HTTP").upper()),
        headers={header["name"]: header["value"] for header in asked.get("httpHeaders") or []},
    )


def _port(port: int | str, container: Object) -> int | None:
    """A name is one of the same container's, for the kubelet too; else it may be a number."""
    if isinstance(port, int):
        return port
    for candidate in container.get("ports") or []:
        if candidate.get("name") == port:
            number: int = candidate["containerPort"]
            return number
    return int(port) if port.isdigit() else None
