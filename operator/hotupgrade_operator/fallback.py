"""Pure: whether the workload is to be rolled the ordinary way, because pods of it cannot be brought
to the revision hot.

The annotation on the pod template only triggers the rollout: what the new pods boot is decided by
status.fallbackRevision. Its value names the attempt, so that each is rolled once, and a killed
operator sees that it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hotupgrade_api.agent_messages import FailureReason
from hotupgrade_api.resource import ArtifactRequires, StrategyType
from hotupgrade_operator import memory_headroom
from hotupgrade_operator.observation import Observation, PodObservation, Standing
from hotupgrade_operator.target import Target

Standings = Sequence[tuple[PodObservation, Standing]]
GONE = (Standing.ABSENT, Standing.SUPERSEDED)


class Cause(Enum):
    """The reason of the condition Fallback."""

    ROLLING_UPDATE = "RollingUpdate"  # strategy.type
    REQUIRES_RESTART = "RequiresRestart"  # artifact.requires
    NOT_INJECTED = "NotInjected"
    NOT_CAPABLE = "NotHotCapable"
    MEMORY_HEADROOM = "MemoryHeadroom"  # the limit leaves no room for a second process
    HAND_OVER_FAILED = "HandOverFailed"  # in fallbackAfter pods, though the binary is healthy
    UNDER_WAY = "RolloutUnderWay"


BY_REQUEST = (Cause.ROLLING_UPDATE, Cause.REQUIRES_RESTART)


@dataclass(frozen=True)
class Fallback:
    cause: Cause
    message: str
    token: str  # what the pod template's annotation is to hold
    impossible: str = ""  # why it cannot be done

    @property
    def leaves_the_hot_way(self) -> bool:
        """Whether the pods that can be upgraded hot are: where the others cannot be helped."""
        return bool(self.impossible) and self.cause not in BY_REQUEST


def needed(seen: Observation, target: Target, standings: Standings, back: bool) -> Fallback | None:
    """None where the hot way goes, or nothing is left to do. back: on the way to what is stable."""
    there = [(pod, found) for pod, found in standings if found not in GONE]
    token = token_of(seen, target)
    rolled = seen.workload.token == token
    left = [pod for pod, found in there if found is not Standing.DONE or (rolled and not pod.ready)]
    if not left:
        return None
    if rolled and (seen.workload.rolling or _only_unready(there)):
        message = f"{len(left)} pods are to be replaced, or not ready yet"
        return Fallback(Cause.UNDER_WAY, message, token)
    cause = _cause(seen, there, back)
    if cause is None:
        return None
    kind, message = cause
    impossible = ""
    if rolled:
        impossible = f"the workload was rolled, and still: {message}"
    elif not seen.workload.rollable:
        ref = seen.spec.workload_ref
        impossible = f"a {ref.kind} of {ref.api_version} is not rolled by its pod template"
    return Fallback(kind, message, token, impossible)


def token_of(seen: Observation, target: Target) -> str:
    """One for each attempt at a revision."""
    return f"{target.revision}.{seen.generation}.{seen.status.attempt}"


def hand_over_failed(pod: PodObservation, found: Standing) -> bool:
    """Whether the launcher could not hand over, which says nothing of the binary."""
    progress = pod.agent.progress if pod.agent else None
    reason = progress.reason if progress else None
    return found is Standing.FAILED and reason is FailureReason.NOT_HOT_CAPABLE


def _only_unready(there: Standings) -> bool:
    return all(found is Standing.DONE for _, found in there)


def _cause(seen: Observation, standings: Standings, back: bool) -> tuple[Cause, str] | None:
    strategy, artifact = seen.spec.strategy, seen.spec.artifact
    if strategy.type is StrategyType.ROLLING_UPDATE:
        return Cause.ROLLING_UPDATE, "spec.strategy.type is RollingUpdate"
    if strategy.type is StrategyType.HOT_ONLY:
        return None
    if artifact is not None and artifact.requires is ArtifactRequires.RESTART:
        return Cause.REQUIRES_RESTART, "spec.artifact.requires is Restart"
    for pod, found in standings:
        if found is Standing.NOT_INJECTED and not pod.refused and not back:
            return Cause.NOT_INJECTED, f"{pod.name} has no launcher"
        if found is Standing.NOT_CAPABLE:
            why = pod.agent.reason if pod.agent else ""
            return Cause.NOT_CAPABLE, f"{pod.name}: {why}"
        if found is Standing.WAITING and memory_headroom.is_short(pod, seen.spec.handoff):
            # Without the figures: they change all the time, and Preflight has them.
            why = "its memory limit leaves no room for a second process"
            return Cause.MEMORY_HEADROOM, f"{pod.name}: {why}"
    failed = [pod for pod, found in standings if hand_over_failed(pod, found)]
    if failed and len(failed) >= min(strategy.fallback_after, len(standings)):
        progress = failed[0].agent.progress if failed[0].agent else None
        why = progress.message if progress else ""
        return Cause.HAND_OVER_FAILED, f"in {len(failed)} pods, {failed[0].name}: {why}"
    return None
