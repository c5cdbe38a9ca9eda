"""Pure: Observation -> Plan, the ordered actions of one reconcile and the status to write.

Level-based: what was done already shows in the observation, so a plan that was carried out in part,
by an operator that was killed, is made again and goes on.
"""

import math
from dataclasses import dataclass
from enum import Enum

from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import Artifact, IntOrPercent
from hotupgrade_api.resource_status import HistoryEntry, HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.observation import (
    Observation,
    PodObservation,
    Standing,
    command_id,
    standing,
)
from hotupgrade_operator.validation import invalid, not_implemented


class Goal(Enum):
    """What this reconcile works towards."""

    REFUSE = "refuse"  # the spec cannot be carried out
    UPGRADE = "upgrade"  # every pod to the spec's revision
    TAKE_BACK = "take back"  # every pod to the stable revision: the spec's was rejected
    NOTHING = "nothing"  # paused


@dataclass(frozen=True)
class StartUpgrade:
    """PUT an upgrade to the pod's agent."""

    pod: PodObservation
    id: str
    revision: str
    version: str
    artifact: Artifact | None
    base: Base | None


@dataclass(frozen=True)
class TakeBack:
    """POST a rollback: an upgrade to another revision is in the way."""

    pod: PodObservation
    id: str
    revision: str
    message: str


@dataclass(frozen=True)
class PublishRevision:
    """Label and annotate the pod with what it runs."""

    pod: PodObservation
    revision: str
    version: str


@dataclass(frozen=True)
class Adopt:
    """PUT the owner: the HotUpgrade was made after the pod, or was deleted and made anew."""

    pod: PodObservation


@dataclass(frozen=True)
class PushTrust:
    """PUT the CA bundle: it was rotated since the pod got its own."""

    pod: PodObservation


Action = StartUpgrade | TakeBack | PublishRevision | Adopt | PushTrust


@dataclass(frozen=True)
class Target:
    """The revision that pods are brought to, with what is needed for it."""

    revision: str
    version: str
    artifact: Artifact | None
    base: Base | None

    @property
    def base_image(self) -> str:
        return self.base.image if self.base else ""


@dataclass(frozen=True)
class Rejection:
    """A pod failed: the revision is rejected for this generation of the spec."""

    revision: str
    pod: str
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    goal: Goal
    target: Target
    standings: tuple[tuple[PodObservation, Standing], ...] = ()
    actions: tuple[Action, ...] = ()
    rejection: Rejection | None = None
    refused: str = ""  # why the spec cannot be carried out
    refused_reason: str = ""  # InvalidSpec, NotImplemented, WorkloadNotFound

    def count(self, *wanted: Standing) -> int:
        return sum(1 for _, found in self.standings if found in wanted)


def concurrency(value: IntOrPercent, pods: int) -> int:
    """How many pods at a time: a percentage is rounded up, at least 1."""
    if isinstance(value, int):
        return max(1, value)
    return max(1, math.ceil(int(value.rstrip("%")) * pods / 100))


def make(seen: Observation) -> Plan:
    spec, status = seen.spec, seen.status
    wanted = _wanted(seen)
    reason, why = _refusal(seen)
    if why:
        return Plan(Goal.REFUSE, wanted, refused=why, refused_reason=reason)
    rejected = is_rejected(status, wanted.revision, seen.generation)
    target = _stable(status) if rejected else wanted
    standings = _standings(seen, target)
    rejection = None if rejected else _rejection(standings)
    if rejection is not None:
        target = _stable(status)
        standings = _standings(seen, target)
    goal = Goal.TAKE_BACK if rejected or rejection else Goal.UPGRADE
    if spec.paused and goal is Goal.UPGRADE:
        goal = Goal.NOTHING
    actions = _care(seen, standings) + _publish(standings)
    if goal is not Goal.NOTHING:
        actions += _move(seen, target, standings, goal)
    return Plan(goal, target, standings, tuple(actions), rejection)


def is_rejected(status: HotUpgradeStatus, revision: str, generation: int) -> bool:
    """A rejected revision is not tried again until the spec changes."""
    return status.rejected_revision == revision and status.rejected_generation == generation


def _wanted(seen: Observation) -> Target:
    """The spec's revision. It holds for the image that runs when it is asked for: one that is asked
    for again, after others, holds for what runs by then."""
    artifact = seen.spec.artifact
    revision = revision_of(artifact)
    pinned = revision in (seen.status.update_revision, seen.status.stable_revision)
    known = entry(seen.status, revision) if pinned else None
    base = known.base if known and known.base else _base_now(seen)
    return Target(revision, artifact.version if artifact else "", artifact, base)


def _base_now(seen: Observation) -> Base | None:
    """What the newest of the pods was made of."""
    known = [pod for pod in seen.pods if pod.agent and pod.agent.base.image and not pod.terminating]
    newest = max(known, key=lambda pod: pod.created, default=None)
    return Base(image=newest.agent.base.image) if newest and newest.agent else None


def _stable(status: HotUpgradeStatus) -> Target:
    known = entry(status, status.stable_revision)
    if known is None:
        return Target(status.stable_revision, status.stable_version, None, None)
    return Target(known.revision, known.version, known.artifact, known.base)


def entry(status: HotUpgradeStatus, revision: str) -> HistoryEntry | None:
    return next((e for e in reversed(status.history) if e.revision == revision), None)


def _refusal(seen: Observation) -> tuple[str, str]:
    if fields := not_implemented(seen.spec):
        return "NotImplemented", f"cannot act on {', '.join(fields)}: not implemented yet"
    if why := invalid(seen.spec):
        return "InvalidSpec", why
    if not seen.workload.found:
        ref = seen.spec.workload_ref
        return "WorkloadNotFound", f"cannot find {ref.kind} {ref.name} in {seen.namespace}"
    return "", ""


def _standings(seen: Observation, target: Target) -> tuple[tuple[PodObservation, Standing], ...]:
    # `image` holds for any image: it is what the image itself has.
    image = target.base_image if target.artifact else ""
    return tuple((pod, standing(pod, target.revision, seen.generation, image)) for pod in seen.pods)


def _rejection(
    standings: tuple[tuple[PodObservation, Standing], ...],
) -> Rejection | None:
    for pod, found in standings:
        progress = pod.agent.progress if pod.agent else None
        if found is Standing.FAILED and progress is not None:
            reason = progress.reason.value if progress.reason else "Failed"
            return Rejection(progress.revision, pod.name, reason, progress.message)
    return None


def _care(
    seen: Observation, standings: tuple[tuple[PodObservation, Standing], ...]
) -> list[Action]:
    """What keeps an agent ours, whatever the goal is; before any command that needs it."""
    actions: list[Action] = []
    for pod, found in standings:
        if pod.agent is None or found is Standing.ABSENT:
            continue
        if pod.agent.hot_upgrade_uid != seen.uid:
            actions.append(Adopt(pod))
        if seen.trust and pod.agent.trust != seen.trust:
            actions.append(PushTrust(pod))
    return actions


def _publish(standings: tuple[tuple[PodObservation, Standing], ...]) -> list[Action]:
    actions: list[Action] = []
    for pod, found in standings:
        agent = pod.agent
        if agent is None or agent.launcher is None or found is Standing.ABSENT:
            continue
        if (agent.revision, agent.version) != (pod.revision_label, pod.version_annotation):
            actions.append(PublishRevision(pod, agent.revision, agent.version))
    return actions


def _move(
    seen: Observation,
    target: Target,
    standings: tuple[tuple[PodObservation, Standing], ...],
    goal: Goal,
) -> list[Action]:
    """Going back does not wait its turn: a bad version is taken back everywhere at once."""
    actions: list[Action] = []
    room = len(standings)
    if goal is Goal.UPGRADE:
        running = sum(1 for _, found in standings if found in (Standing.RUNNING, Standing.OTHER))
        room = concurrency(seen.spec.strategy.max_concurrent, len(standings)) - running
    for pod, found in standings:
        progress = pod.agent.progress if pod.agent else None
        if found is Standing.OTHER and progress is not None:
            message = f"revision {target.revision} is wanted"
            actions.append(TakeBack(pod, progress.id, progress.revision, message))
        elif found is Standing.WAITING and room > 0:
            room -= 1
            actions.append(
                StartUpgrade(
                    pod,
                    command_id(pod, target.revision, seen.generation),
                    target.revision,
                    target.version,
                    target.artifact,
                    target.base if target.artifact else None,
                )
            )
    return actions
