"""What the plugin reads of HotUpgrades, pods and Events, decoded where it enters; nothing else."""

from typing import Annotated

import msgspec

from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.pod_layout import AGENT_CONTAINER, METRICS_PORT_NAME
from hotupgrade_api.resource import (
    ANNOTATION_INJECTED,
    ANNOTATION_REQUEST,
    ANNOTATION_VERSION,
    IMAGE_REVISION,
    LABEL_REVISION,
    HotUpgradeSpec,
)
from hotupgrade_api.resource_status import HistoryEntry, HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_kubectl.processes import Processes


class _Annotations(msgspec.Struct, frozen=True):
    request: str = msgspec.field(default="", name=ANNOTATION_REQUEST)


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    annotations: _Annotations = _Annotations()


class HotUpgrade(msgspec.Struct, frozen=True):
    metadata: Metadata
    spec: HotUpgradeSpec
    status: HotUpgradeStatus = HotUpgradeStatus()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def is_observed(self) -> bool:
        """Whether the status speaks of the spec as it is now."""
        return self.status.observed_generation >= self.metadata.generation

    @property
    def wanted(self) -> str:
        """The spec's revision."""
        return revision_of(self.spec.artifact)

    @property
    def is_rejected(self) -> bool:
        """The spec's revision was taken back, or is being taken back."""
        status = self.status
        rejected = (status.rejected_revision, status.rejected_generation)
        return rejected == (self.wanted, self.metadata.generation)

    @property
    def is_under_way(self) -> bool:
        """The spec's revision is being brought out, or waits in the middle of that."""
        return not self.is_rejected and self.wanted != self.status.stable_revision

    def entry(self, revision: str) -> HistoryEntry | None:
        return next((e for e in reversed(self.status.history) if e.revision == revision), None)


class _PodLabels(msgspec.Struct, frozen=True):
    revision: str = msgspec.field(default="", name=LABEL_REVISION)


class _PodAnnotations(msgspec.Struct, frozen=True):
    version: str = msgspec.field(default="", name=ANNOTATION_VERSION)
    injected: str = msgspec.field(default="", name=ANNOTATION_INJECTED)


class _PodMetadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    labels: _PodLabels = _PodLabels()
    annotations: _PodAnnotations = _PodAnnotations()
    deletion_timestamp: str = ""


class _Port(msgspec.Struct, frozen=True, rename="camel"):
    container_port: int
    name: str = ""


class _Container(msgspec.Struct, frozen=True):
    name: str
    ports: tuple[_Port, ...] = ()


class _PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    init_containers: tuple[_Container, ...] = ()


class _PodCondition(msgspec.Struct, frozen=True):
    type: str
    status: str


class _ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    restart_count: int = 0


class _PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    conditions: tuple[_PodCondition, ...] = ()
    container_statuses: tuple[_ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    metadata: _PodMetadata
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def revision(self) -> str:
        """What it runs, as the operator published it; empty where it has not yet."""
        return self.metadata.labels.revision

    @property
    def version(self) -> str:
        return self.metadata.annotations.version

    @property
    def is_injected(self) -> bool:
        return any(c.name == AGENT_CONTAINER for c in self.spec.init_containers)

    @property
    def record(self) -> InjectionRecord:
        """What injection noted on it; nothing where that cannot be read."""
        try:
            return msgspec.json.decode(self.metadata.annotations.injected, type=InjectionRecord)
        except msgspec.DecodeError:
            return InjectionRecord()

    @property
    def state(self) -> str:
        """In kubectl's words."""
        if self.metadata.deletion_timestamp:
            return "Terminating"
        ready = any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)
        if self.status.phase == "Running":
            return "Ready" if ready else "NotReady"
        return self.status.phase or "Unknown"

    @property
    def metrics_port(self) -> int:
        """Of its agent; 0 where it has none."""
        agents = [c for c in self.spec.init_containers if c.name == AGENT_CONTAINER]
        ports = [p.container_port for c in agents for p in c.ports if p.name == METRICS_PORT_NAME]
        return ports[0] if ports else 0

    @property
    def restarts(self) -> int:
        return sum(c.restart_count for c in self.status.container_statuses)


class _Involved(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    involved_object: _Involved = _Involved()
    type: str = "Normal"
    reason: str = ""
    message: str = ""
    last_timestamp: Annotated[str | None, "null in events of the newer kind"] = None


class Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    """One HotUpgrade with what belongs to it, read at one time. events: the oldest first;
    processes: by pod, where they were asked for."""

    hot_upgrade: HotUpgrade
    pods: tuple[Pod, ...] = ()
    events: tuple[Event, ...] = ()
    processes: dict[str, Processes] = {}


def short(revision: str, version: str) -> str:
    """For a column: the version, where it has one."""
    return version or revision or "-"


def titled(revision: str, version: str) -> str:
    """A revision for people: `1.8.2 (4be1c1a5b2a04f0e)`."""
    if revision == IMAGE_REVISION or not version:
        return revision or "unknown"
    return f"{version} ({revision})"
