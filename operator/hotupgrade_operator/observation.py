"""What was observed of one HotUpgrade: frozen, complete, and all that a plan may know."""

from dataclasses import dataclass
from enum import Enum

from hotupgrade_api.agent_messages import FINAL, AgentStatus, FailureReason, PodState
from hotupgrade_api.resource import HotUpgradeSpec
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import allowed_hosts, traffic_view
from hotupgrade_operator.allowed_hosts import AllowedHosts
from hotupgrade_operator.analysis import Reply
from hotupgrade_operator.pod_template import PodTemplate
from hotupgrade_operator.traffic_view import TrafficView


@dataclass(frozen=True)
class Container:
    """Of the pod template. command: empty where it is the image's."""

    name: str
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workload:
    """replicas: as its spec has them; None where its kind has none, or is not known to us.

    rolling: its own rollout is under way, so that pods of two templates live. token: what the
    annotation hotupgrade.io/rolled-for on its pod template holds. rollable: a change of that
    template replaces its pods. containers: of that template; empty where it is not known to us.
    """

    found: bool = True
    replicas: int | None = None
    rolling: bool = False
    token: str = ""
    rollable: bool = True
    containers: tuple[Container, ...] = ()
    template: PodTemplate | None = None  # None: it could not be read


@dataclass(frozen=True)
class PodObservation:
    """One pod of the workload. agent is None where it was not asked or did not answer."""

    name: str
    uid: str
    created: str = ""  # RFC 3339
    ready: bool = True
    terminating: bool = False
    started: bool = True  # its containers run, and it has an IP
    injected: bool = True
    refused: str = ""  # why injection left it alone, where it did
    probe_note: str = ""  # why its readiness probe is no dark probe, where it is none
    revision_label: str = ""
    version_annotation: str = ""
    agent: AgentStatus | None = None
    agent_error: str = ""


@dataclass(frozen=True)
class Observation:
    namespace: str
    name: str
    uid: str
    generation: int
    spec: HotUpgradeSpec
    status: HotUpgradeStatus
    pods: tuple[PodObservation, ...] = ()
    workload: Workload = Workload()
    malformed: str = ""  # why the spec could not be read; it is a default one then
    request: str = ""  # the annotation hotupgrade.io/request
    replies: tuple[Reply, ...] = ()  # measurements that came in since the last observation
    prometheus_allowed: AllowedHosts = allowed_hosts.ANY
    traffic: TrafficView = traffic_view.NOTHING
    trust: str = ""  # digest of the CA bundle that agents must trust; empty: do not push


class Standing(Enum):
    """Where a pod is on its way to a revision."""

    ABSENT = "Absent"  # starting or terminating: nothing to do yet
    NOT_INJECTED = "NotInjected"
    UNREACHABLE = "AgentUnreachable"
    NOT_CAPABLE = "NotHotCapable"
    SUPERSEDED = "Superseded"  # its image is another than the revision holds for
    OTHER = "OtherUpgrade"  # an upgrade to another revision is under way
    WAITING = "Waiting"
    RUNNING = "Running"
    HELD = "Held"  # proven, and serves by the weight that it was given
    FAILED = "Failed"
    DONE = "Done"


@dataclass(frozen=True)
class Attempt:
    """One attempt at one revision, and the image that the revision holds for (empty: any)."""

    revision: str
    owner: str  # the HotUpgrade's UID: generations begin at 1 again where it is made anew
    generation: int
    number: int
    base_image: str

    def command_id(self, tries: int = 0) -> str:
        """The same from an operator that was killed and from the next: an agent does it once."""
        return f"{self.revision}.{self.owner}.{self.generation}.{self.number}.{tries}"

    def tries_of(self, pod: PodObservation) -> int:
        """How many tries of this attempt have failed in the pod, by what its agent did last."""
        progress = pod.agent.progress if pod.agent else None
        if progress is None or progress.state is not PodState.FAILED:
            return 0
        prefix, _, tries = progress.id.rpartition(".")
        if f"{prefix}.0" != self.command_id() or not tries.isdecimal():
            return 0
        return int(tries) + 1


def standing(pod: PodObservation, attempt: Attempt) -> Standing:
    """Pure: where the pod is on its way."""
    revision, base_image = attempt.revision, attempt.base_image
    agent = pod.agent
    if pod.terminating or not pod.started:
        return Standing.ABSENT
    if not pod.injected:
        return Standing.NOT_INJECTED
    if agent is None:
        return Standing.UNREACHABLE
    progress = agent.progress
    if progress is not None and progress.state not in FINAL:
        if progress.revision != revision:
            return Standing.OTHER
        return Standing.HELD if progress.state is PodState.HOLDING else Standing.RUNNING
    if agent.launcher is None:
        return Standing.UNREACHABLE
    if base_image and agent.base.image and agent.base.image != base_image:
        return Standing.SUPERSEDED
    if agent.revision == revision and agent.committed_revision == revision:
        return Standing.DONE
    if agent.superseded and agent.committed_revision == revision:
        return Standing.SUPERSEDED  # staged at its boot, and its launcher found another base
    if not agent.hot_capable:
        return Standing.NOT_CAPABLE
    if progress is not None and attempt.tries_of(pod):
        superseded = progress.reason is FailureReason.SUPERSEDED
        return Standing.SUPERSEDED if superseded else Standing.FAILED
    return Standing.WAITING
