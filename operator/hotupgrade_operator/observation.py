"""What was observed of one HotUpgrade: frozen, complete, and all that a plan may know."""

from dataclasses import dataclass
from enum import Enum

from hotupgrade_api.agent_messages import AgentStatus, PodState
from hotupgrade_api.resource import HotUpgradeSpec
from hotupgrade_api.resource_status import HotUpgradeStatus

FINAL = frozenset({PodState.COMMITTED, PodState.FAILED})


@dataclass(frozen=True)
class Workload:
    """replicas: as its spec has them; None where its kind has none, or is not known to us."""

    found: bool = True
    replicas: int | None = None


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
    request: str = ""  # the annotation hotupgrade.io/request
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
    """One try of one revision, and the image that the revision holds for (empty: any)."""

    revision: str
    generation: int
    number: int
    base_image: str

    def command_id(self, pod: PodObservation) -> str:
        """The same for each try of an operator that was killed: an agent does it once."""
        return f"{self.revision}.{self.generation}.{self.number}.{pod.uid}"


def standing(pod: PodObservation, attempt: Attempt) -> Standing:
    """Pure: where the pod is on its way."""
    revision, base_image = attempt.revision, attempt.base_image
    agent = pod.agent
    if pod.terminating or not pod.started:
        return Standing.ABSENT
    if not pod.injected:
        return Standing.NOT_INJECTED
    if agent is None or agent.launcher is None:
        return Standing.UNREACHABLE
    progress = agent.progress
    if progress is not None and progress.state not in FINAL:
        if progress.revision != revision:
            return Standing.OTHER
        return Standing.HELD if progress.state is PodState.HOLDING else Standing.RUNNING
    if base_image and agent.base.image and agent.base.image != base_image:
        return Standing.SUPERSEDED
    if agent.revision == revision and agent.committed_revision == revision:
        return Standing.DONE
    if agent.superseded and agent.committed_revision == revision:
        return Standing.SUPERSEDED  # staged at its boot, and its launcher found another base
    if not agent.hot_capable:
        return Standing.NOT_CAPABLE
    if (
        progress is not None
        and progress.state is PodState.FAILED
        and progress.id == attempt.command_id(pod)
    ):
        return Standing.FAILED
    return Standing.WAITING
