"""Pure: the few fields of a workload's pod template by which two processes in one container matter.

What is only asked whether it is there is not read any further.
"""

import msgspec

ISTIO_PROXY = "istio-proxy"  # a proxy that was injected by hand is nobody's app


class Given(msgspec.Struct, frozen=True):
    """A field that is set, whatever it holds."""


class Probe(msgspec.Struct, frozen=True):
    exec: Given | None = None


class Hook(msgspec.Struct, frozen=True, rename="camel"):
    """sleep, the fourth kind, asks nobody."""

    exec: Given | None = None
    http_get: Given | None = None
    tcp_socket: Given | None = None

    @property
    def kind(self) -> str:
        """Of what it asks of a process; empty: nothing."""
        kinds = (("exec", self.exec), ("httpGet", self.http_get), ("tcpSocket", self.tcp_socket))
        return next((name for name, given in kinds if given is not None), "")


class Lifecycle(msgspec.Struct, frozen=True, rename="camel"):
    pre_stop: Hook = Hook()


class Port(msgspec.Struct, frozen=True, rename="camel"):
    container_port: int = 0
    protocol: str = "TCP"


class Mount(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    mount_path: str = ""
    read_only: bool = False


class Container(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    ports: tuple[Port, ...] = ()
    liveness_probe: Probe = Probe()
    readiness_probe: Probe = Probe()
    startup_probe: Probe = Probe()
    lifecycle: Lifecycle = Lifecycle()
    volume_mounts: tuple[Mount, ...] = ()


class Volume(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    host_path: Given | None = None
    persistent_volume_claim: Given | None = None


class _Claim(msgspec.Struct, frozen=True):
    name: str = ""


class _ClaimTemplate(msgspec.Struct, frozen=True):
    metadata: _Claim = _Claim()


class PodSpec(msgspec.Struct, frozen=True):
    containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()


class _Template(msgspec.Struct, frozen=True):
    spec: PodSpec = PodSpec()


class PodTemplate(msgspec.Struct, frozen=True, rename="camel"):
    """The spec of Deployment, ReplicaSet, StatefulSet or DaemonSet."""

    template: _Template = _Template()
    volume_claim_templates: tuple[_ClaimTemplate, ...] = ()

    def app(self, container: str) -> Container | None:
        """The one that is upgraded. container: spec.container; empty where there is only one."""
        found = [c for c in self.template.spec.containers if c.name != ISTIO_PROXY]
        named = [c for c in found if c.name == container]
        return named[0] if named else found[0] if len(found) == 1 and not container else None

    def lasting_volumes(self) -> frozenset[str]:
        """The names of those that outlive the pod, and so hold what must not be spoiled."""
        kept = {
            volume.name
            for volume in self.template.spec.volumes
            if volume.host_path is not None or volume.persistent_volume_claim is not None
        }
        return frozenset(kept | {claim.metadata.name for claim in self.volume_claim_templates})


class _Workload(msgspec.Struct, frozen=True):
    spec: PodTemplate = PodTemplate()


def read(workload: bytes) -> PodTemplate | None:
    """None where it is none that Kubernetes would make: an aggregated API may answer anything."""
    try:
        return msgspec.json.decode(workload, type=_Workload).spec
    except msgspec.DecodeError:
        return None
