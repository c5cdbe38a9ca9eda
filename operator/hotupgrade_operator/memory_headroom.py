"""Pure: whether a container's memory limit leaves room for a second process beside the first.

What the new one will take is not known; what the old one takes is the best guess. The launcher
kills the new one once both together reach KILL_PERCENT of the limit.
"""

from dataclasses import dataclass

from hotupgrade_api.launcher_messages import ProcessState
from hotupgrade_api.resource import Handoff, HandoffResources
from hotupgrade_operator.observation import PodObservation

KILL_PERCENT = 95  # as the launcher has it
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Headroom:
    """In bytes. used: by the whole container; process: by the one that serves."""

    limit: int
    used: int
    process: int

    @property
    def room(self) -> int:
        return max(0, self.limit * KILL_PERCENT // 100 - self.used)

    @property
    def lacks(self) -> bool:
        return self.room < self.process

    @property
    def tight(self) -> bool:
        """There is room, but not for a process that is half as large again."""
        return not self.lacks and self.room < self.process * 3 // 2

    def __str__(self) -> str:
        return (
            f"below {KILL_PERCENT} % of the memory limit, {_mebibytes(self.limit)}, there are "
            f"{_mebibytes(self.room)} for a second process, and the first takes "
            f"{_mebibytes(self.process)}; raise the limit, or let spec.handoff.resources be Ignore"
        )


def headroom(pod: PodObservation) -> Headroom | None:
    """None where there is no limit, or nothing can be said: two processes live already, or an agent
    does not tell."""
    launcher = pod.agent.launcher if pod.agent else None
    if launcher is None or launcher.memory_limit_bytes <= 0:
        return None
    alive = [g for g in launcher.generations if g.state is not ProcessState.EXITED]
    used = launcher.memory_bytes
    # Workers that were forked share pages, and each counts them: together they take no more than
    # the container does.
    process = min(alive[0].rss_bytes, used) if len(alive) == 1 else 0
    return Headroom(launcher.memory_limit_bytes, used, process) if process > 0 else None


def is_short(pod: PodObservation, handoff: Handoff) -> bool:
    """Whether no second process may be started in the pod."""
    found = headroom(pod) if handoff.resources is not HandoffResources.IGNORE else None
    return found is not None and found.lacks


def _mebibytes(count: int) -> str:
    return f"{count / MEBIBYTE:.0f} MiB"
