"""The HotUpgrade resource's status: what the operator observed and what it keeps there."""

from enum import StrEnum

from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import Artifact
from hotupgrade_api.wire import Wire


class Phase(StrEnum):
    """A column for people, derived from the conditions; nothing decides by it."""

    PENDING = "Pending"
    UPGRADING = "Upgrading"
    PAUSED = "Paused"
    STABLE = "Stable"
    ROLLING_BACK = "RollingBack"
    ABORTED = "Aborted"
    INVALID = "Invalid"


class Condition(Wire, frozen=True, kw_only=True):
    """metav1.Condition."""

    type: str
    status: str  # True, False, Unknown
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""  # RFC 3339


class FailedPod(Wire, frozen=True, kw_only=True):
    name: str
    reason: str  # a FailureReason or a pod-level reason (NotInjected, AgentUnreachable, ...)
    message: str = ""


class PreflightLevel(StrEnum):
    PASSED = "Pass"
    WARN = "Warn"  # an upgrade goes on; somebody should have looked at it before
    BLOCK = "Block"  # no hot upgrade of these pods


class PreflightFinding(Wire, frozen=True, kw_only=True):
    """What one check found in so many pods, of which `pod` is the first, or in a field."""

    check: str  # PodsCapable, MemoryHeadroom, ...
    level: str  # Pass, Warn, Block
    pod: str = ""
    pods: int = 0
    field: str = ""  # of the workload
    message: str = ""


class Weights(Wire, frozen=True, kw_only=True):
    stable: int = 100
    update: int = 0


class MetricPhase(StrEnum):
    RUNNING = "Running"
    SUCCESSFUL = "Successful"  # `count` measurements were good
    FAILED = "Failed"  # more than `failureLimit` were bad
    INCONCLUSIVE = "Inconclusive"  # neither good nor bad, or no samples: waits for a person
    ERROR = "Error"  # `consecutiveErrorLimit` queries in a row had no answer


class MetricStatus(Wire, frozen=True, kw_only=True):
    """One metric of spec.analysis, measured since startedAt."""

    name: str
    phase: MetricPhase = MetricPhase.RUNNING
    started_at: str = ""  # RFC 3339
    measured_at: str = ""
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    consecutive_errors: int = 0
    value: str = ""  # the last one, shortened
    message: str = ""  # why it is not Successful


class HistoryEntry(Wire, frozen=True, kw_only=True):
    """A revision that was tried. artifact and base let new pods and `undo` come back to it."""

    revision: str
    version: str = ""
    result: str = ""  # Stable, Rejected, Superseded
    reason: str = ""
    message: str = ""
    time: str = ""
    artifact: Artifact | None = None
    base: Base | None = None


class HotUpgradeStatus(Wire, frozen=True, kw_only=True):
    observed_generation: int = 0
    phase: str = Phase.PENDING.value  # a str: an older operator must read what a newer one wrote
    current_step_index: int = 0
    stable_revision: str = "image"
    update_revision: str = ""
    stable_version: str = ""
    update_version: str = ""
    pods: int = 0
    updated_pods: int = 0
    ready_pods: int = 0
    fallback_revision: str = ""  # new pods boot it: the workload is being rolled to it
    fallback_pods: int = 0  # that were brought to the revision by that rollout
    in_flight: list[str] = []  # UIDs of the pods whose upgrade was begun and not seen to end
    failed_pods: list[FailedPod] = []  # at most 20
    preflight: list[PreflightFinding] = []  # the gravest first, at most 20
    weights: Weights = Weights()
    rejected_revision: str = ""  # failed; applying the same spec again does not restart it
    rejected_generation: int = 0  # of the spec that it failed for
    attempt: int = 0  # a retry or undo is another one: agents do each command once
    handled_request: str = ""  # the request annotation that was acted on last, or refused
    upgrade_started_at: str = ""
    step_started_at: str = ""
    progressed_at: str = ""  # when something last moved; progressDeadlineSeconds counts from here
    window_started_at: str = ""  # when every pod served the new revision; the rollback window
    paused: bool = False  # asked for by the request annotation
    analysis: list[MetricStatus] = []
    history: list[HistoryEntry] = []
    conditions: list[Condition] = []
