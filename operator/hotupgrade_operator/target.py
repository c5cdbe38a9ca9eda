"""Pure: which revision is meant, with all that is needed to bring a pod to it."""

from dataclasses import dataclass

from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import IMAGE_REVISION, Artifact
from hotupgrade_api.resource_status import HistoryEntry, HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.observation import Observation

STABLE = "Stable"  # HistoryEntry.result: every pod ran it
REJECTED = "Rejected"


@dataclass(frozen=True)
class Target:
    """The revision that pods are brought to."""

    revision: str
    version: str
    artifact: Artifact | None
    base: Base | None

    @property
    def base_image(self) -> str:
        return self.base.image if self.base else ""


def wanted(seen: Observation) -> Target:
    """The spec's revision. It holds for the image that runs when it is asked for: one that is asked
    for again, after others, holds for what runs by then."""
    artifact = seen.spec.artifact
    revision = revision_of(artifact)
    pinned = revision in (seen.status.update_revision, seen.status.stable_revision)
    known = entry(seen.status, revision) if pinned else None
    base = known.base if known and known.base else _base_now(seen)
    return Target(revision, artifact.version if artifact else "", artifact, base)


def stable(status: HotUpgradeStatus) -> Target:
    """What is gone back to."""
    known = entry(status, status.stable_revision)
    if known is None:
        return Target(status.stable_revision, status.stable_version, None, None)
    return Target(known.revision, known.version, known.artifact, known.base)


def stable_before(status: HotUpgradeStatus) -> HistoryEntry:
    """The stable revision before the present one; the image's own where there is no other."""
    for known in reversed(status.history):
        if known.result == STABLE and known.revision != status.stable_revision:
            return known
    return HistoryEntry(revision=IMAGE_REVISION)


def entry(status: HotUpgradeStatus, revision: str) -> HistoryEntry | None:
    return next((e for e in reversed(status.history) if e.revision == revision), None)


def is_rejected(status: HotUpgradeStatus, revision: str, generation: int) -> bool:
    """A rejected revision is not tried again until the spec changes, or somebody asks for it."""
    return status.rejected_revision == revision and status.rejected_generation == generation


def _base_now(seen: Observation) -> Base | None:
    """What the newest of the pods was made of."""
    known = [pod for pod in seen.pods if pod.agent and pod.agent.base.image and not pod.terminating]
    newest = max(known, key=lambda pod: pod.created, default=None)
    return Base(image=newest.agent.base.image) if newest and newest.agent else None
