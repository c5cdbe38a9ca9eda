"""Operator <-> agent: JSON over HTTPS, both sides authenticated.

    GET  /v1/status                     -> AgentStatus
    GET  /v1/status?after=N&wait=S      -> AgentStatus once its sequence > N, or after S seconds
    PUT  /v1/upgrade       UpgradeCommand   -> 202 AgentStatus; the same id again: 200, no effect
    PUT  /v1/weight        WeightRequest    -> 200 AgentStatus (of an upgrade that holds)
    POST /v1/promote       TargetedCommand  -> 200 AgentStatus (ends hold or rollback window now)
    POST /v1/rollback      RollbackRequest  -> 200 AgentStatus
    POST /v1/reach         ReachRequest     -> 200 ReachAnswer (before an upgrade, where needed)
    PUT  /v1/trust         TrustUpdate      -> 200 (the operator's rotated CA bundle, PEM)
    PUT  /v1/owner         OwnerUpdate      -> 200 AgentStatus (the HotUpgrade was made anew)
    errors                                  -> AgentError with the status code of its code

The agent proves itself with AgentStatus.token: its pod-bound ServiceAccount token (audience
hotupgrade.io/agent). The operator's TokenReview must return the pod's UID that it means.
"""

import hashlib
from enum import StrEnum
from typing import Annotated

import msgspec

from hotupgrade_api.launcher_messages import Base, Id, LauncherStatus
from hotupgrade_api.resource import Artifact, Handoff, Health, Percent
from hotupgrade_api.wire import Wire

AUDIENCE = "hotupgrade.io/agent"

# What an agent says ends in a status, a label or an annotation; what it is told, in its log, its
# journal and the launcher: both are bounded where they are read. (`$` would let a last line feed
# through, `\Z` does not.)
Text = Annotated[str, msgspec.Meta(max_length=4096)]
Version = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
LabelValue = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
]


class FailureReason(StrEnum):
    """Why a pod kept, or went back to, its old version."""

    DIGEST_MISMATCH = "DigestMismatch"
    FETCH_FAILED = "FetchFailed"
    TOO_LARGE = "ArtifactTooLarge"
    STORE_FULL = "StoreFull"
    START_FAILED = "StartFailed"
    PROCESS_EXITED = "ProcessExited"
    NOT_READY = "NotReady"
    PROBE_FAILED = "ProbeFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    VERIFICATION_FAILED = "VerificationFailed"
    NOT_HOT_CAPABLE = "NotHotCapable"
    SUPERSEDED = "Superseded"
    UNSUPPORTED = "Unsupported"
    REQUESTED = "Requested"


class PodState(StrEnum):
    """Where the agent's upgrade of its pod is; each is journalled before what it stands for."""

    IDLE = "idle"
    FETCHING = "fetching"
    STAGED = "staged"
    STARTING = "starting"  # start was sent to the launcher
    PROBING = "probing"  # dark probe
    HOLDING = "holding"  # probed good; serves by the weight that it is given, until promote
    FLIPPING = "flipping"  # weight 100 was sent
    WATCHING = "watching"  # rollback window: probes the new one, the old one is warm
    COMMITTING = "committing"  # moves current, then promotes
    COMMITTED = "committed"  # final
    ROLLING_BACK = "rollingBack"
    FAILED = "failed"  # final; the old version serves


FINAL = frozenset({PodState.COMMITTED, PodState.FAILED})


class HealthDefault(Wire, frozen=True, kw_only=True):
    """The template's readiness probe, resolved by injection (ports by number).

    error: why it cannot be taken over. An upgrade that would rely on it fails with that.
    """

    health: Health | None = None
    error: str = ""


class TargetedCommand(Wire, frozen=True, kw_only=True):
    """Names its target whole: a reused pod IP or another HotUpgrade's pod refuses it."""

    pod_uid: str
    hot_upgrade_uid: str
    revision: LabelValue
    id: Id  # unique for one try of one revision on one pod


class UpgradeCommand(TargetedCommand, frozen=True, kw_only=True):
    """Bring this pod to `revision`, the artifact's id. artifact None: to the image's own file.

    hold: after the dark probe stay at weight 0, and at those that are asked for, until promote; the
    old process stays warm. expected_base: refuse (Superseded) if it differs.
    """

    artifact: Artifact | None = None
    version: Version = ""
    handoff: Handoff = Handoff()
    health: Health = Health()
    hold: bool = False
    expected_base: Base | None = None


class WeightRequest(TargetedCommand, frozen=True, kw_only=True):
    """The share of new connections, in percent, that the new process gets while it holds."""

    weight: Percent


class RollbackRequest(TargetedCommand, frozen=True, kw_only=True):
    message: str = ""


class ReachRequest(Wire, frozen=True, kw_only=True):
    """Can this pod fetch that artifact? Its host is tried, nothing is fetched."""

    pod_uid: str
    artifact: Artifact


class ReachAnswer(Wire, frozen=True, kw_only=True):
    error: Text = ""  # what is wrong; empty: connected, or the artifact is staged already


class TrustUpdate(Wire, frozen=True, kw_only=True):
    pod_uid: str
    ca_bundle: str  # PEM


class OwnerUpdate(Wire, frozen=True, kw_only=True):
    """The pod's HotUpgrade is another object from now on: made after the pod, or made anew.

    Of two objects of one name only one can exist, so the older owner is gone for good.
    """

    pod_uid: str
    hot_upgrade_uid: str


class Progress(Wire, frozen=True, kw_only=True):
    """The pod's current or last upgrade, as the journal has it."""

    id: Text
    revision: LabelValue
    state: PodState
    version: Version = ""
    previous_revision: LabelValue = "image"
    weight: Percent = 0  # of new connections, while it holds
    reason: FailureReason | None = None
    message: Text = ""
    started_at: float = 0.0  # Unix seconds
    finished_at: float = 0.0
    fetch_ms: float = 0.0
    flip_ms: float = 0.0
    rollback_ms: float = 0.0
    listen_ms: float = 0.0


class AgentStatus(Wire, frozen=True, kw_only=True):
    """What runs in the pod, and how the upgrade goes. Hostile input to the operator."""

    pod_uid: str
    sequence: int
    agent_version: str
    revision: LabelValue = "image"  # serves new connections
    version: Version = ""
    committed_revision: LabelValue = "image"  # what `current` names: a restart runs it
    hot_capable: bool = True
    reason: Text = ""  # why not hot capable
    mode: str = ""
    superseded: Text = ""
    base: Base = Base()
    progress: Progress | None = None
    launcher: LauncherStatus | None = None  # None: unreachable
    token: str = ""
    hot_upgrade_uid: str = ""  # whose commands it takes; empty: nobody's yet
    trust: str = ""  # digest of the CA bundle in force, see trust_digest
    store_room_bytes: int | None = None  # for what is still to be fetched; None: an older agent
    v: int = 1


def trust_digest(ca_bundle: str) -> str:
    """The sha256 of a PEM bundle, surrounding white space left out."""
    return hashlib.sha256(ca_bundle.strip().encode()).hexdigest()


class AgentErrorCode(StrEnum):
    """With the HTTP status that carries each."""

    INVALID = "Invalid"  # 400
    WRONG_TARGET = "WrongTarget"  # 409: another pod or another HotUpgrade
    BUSY = "Busy"  # 409: another upgrade is under way
    CONFLICT = "Conflict"  # 409: not possible in this state
    UNAVAILABLE = "Unavailable"  # 503: the launcher does not answer


class AgentError(Wire, frozen=True, kw_only=True):
    code: AgentErrorCode
    message: str


class BootConfig(Wire, frozen=True, kw_only=True):
    """Injection -> boot and agent, one JSON value in the environment: HOTUPGRADE_BOOT.

    What a new pod runs. revision `image`: nothing to fetch. base: what the revision holds for.
    """

    revision: str = "image"
    version: str = ""
    artifact: Artifact | None = None
    base: Base = Base()
    on_fetch_failure: str = "Wait"
