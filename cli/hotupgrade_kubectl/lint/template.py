"""A workload's pod template: the parts of it that injection touches, checked for their types."""

from typing import Any

import msgspec

Object = dict[str, Any]


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Resources(msgspec.Struct, frozen=True):
    limits: dict[str, str | int | float] = {}
    requests: dict[str, str | int | float] = {}


class _Port(msgspec.Struct, frozen=True, rename="camel"):
    container_port: int
    name: str = ""


class _Target(msgspec.Struct, frozen=True):
    port: int | str


class _Probe(msgspec.Struct, frozen=True, rename="camel"):
    http_get: _Target | None = None
    tcp_socket: _Target | None = None


class Container(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    env: list[_Named] = []
    ports: list[_Port] = []
    volume_mounts: list[_Named] = []
    resources: _Resources = _Resources()
    readiness_probe: _Probe | None = None


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    containers: list[Container]
    init_containers: list[Container] = []
    volumes: list[_Named] = []
    host_network: bool = False


class _Metadata(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Template(msgspec.Struct, frozen=True):
    spec: _Spec
    metadata: _Metadata = _Metadata()


def without_nulls(value: Any) -> Any:
    """As the API server reads it: a field without a value is not there."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def pod_of(template: Object) -> Object:
    """The pod that it makes. An image may be left for a kustomization to fill in."""
    spec = dict(template["spec"])
    spec["containers"] = [{"image": "", **container} for container in spec["containers"]]
    return {"metadata": template.get("metadata", {}), "spec": spec}
