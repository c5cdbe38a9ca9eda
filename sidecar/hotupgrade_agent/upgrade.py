"""Pure: the state machine of one upgrade of this pod, and what to do next in each state.

Every function is named for an event and returns the Progress after it. What is next follows from
the journal and from what the launcher says, so an agent that was killed anywhere goes on.
"""

from enum import Enum

import msgspec

from hotupgrade_api.agent_messages import (
    FINAL,
    FailureReason,
    PodState,
    Progress,
    UpgradeCommand,
)
from hotupgrade_api.launcher_messages import Base, LauncherStatus, UpgradeState
from hotupgrade_api.wire import Wire

# New connections go to the new process, and stay there unless it fails.
FLIPPED = frozenset({PodState.WATCHING, PodState.COMMITTING, PodState.COMMITTED})
# The launcher holds a process of this upgrade in these states.
ALIVE = frozenset({PodState.PROBING, PodState.HOLDING, PodState.FLIPPING, PodState.WATCHING})


class Journal(Wire, frozen=True, kw_only=True):
    """What the agent must not forget; written before what it stands for is done."""

    command: UpgradeCommand
    progress: Progress
    flipped_at: float = 0.0  # Unix seconds
    weight: int = 0  # asked for, while it holds; progress.weight is what was set
    promote: bool = False  # asked for: ends hold and window
    v: int = 1


class Action(Enum):
    """The one thing to do next."""

    FETCH = "fetch"
    START = "start"
    AWAIT_LISTENING = "await listening"
    PROBE = "probe"
    STEER = "steer"
    HOLD = "hold"
    FLIP = "flip"
    WATCH = "watch"
    COMMIT = "commit"
    ROLL_BACK = "roll back"
    NOTHING = "nothing"


class Failed(Exception):
    """The upgrade fails for this reason; the old version serves."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def begun(command: UpgradeCommand, serving: str, current: str, now: float) -> Journal:
    """A command came in. A revision that serves already is committed at most: `current` may name
    another, which was not run here (Superseded)."""
    state = PodState.FETCHING
    if command.revision == serving:
        state = PodState.COMMITTED if serving == current else PodState.COMMITTING
    progress = Progress(
        id=command.id,
        revision=command.revision,
        version=command.version,
        state=state,
        previous_revision=serving,
        started_at=now,
        finished_at=now if state in FINAL else 0.0,
    )
    return Journal(command=command, progress=progress)


def moved(journal: Journal, state: PodState) -> Journal:
    return _with(journal, state=state)


def staged(journal: Journal, fetch_ms: float) -> Journal:
    return _with(journal, state=PodState.STAGED, fetch_ms=fetch_ms)


def proven(journal: Journal) -> Journal:
    """The dark probe passed."""
    hold = journal.command.hold and not journal.promote
    return _with(journal, state=PodState.HOLDING if hold else PodState.FLIPPING)


def flipped(journal: Journal, launcher: LauncherStatus, now: float) -> Journal:
    upgrade = launcher.upgrade
    flip_ms = upgrade.flip_ms if upgrade else 0.0
    listen_ms = upgrade.listen_ms if upgrade else 0.0
    after = _with(journal, state=PodState.WATCHING, flip_ms=flip_ms, listen_ms=listen_ms)
    return msgspec.structs.replace(after, flipped_at=now)


def committed(journal: Journal, now: float) -> Journal:
    return _with(journal, state=PodState.COMMITTED, finished_at=now)


def weight_asked(journal: Journal, weight: int) -> Journal:
    """While it holds: the share of new connections that the new process is to get."""
    return msgspec.structs.replace(journal, weight=weight)


def steered(journal: Journal, weight: int) -> Journal:
    return _with(journal, weight=weight)


def promote_asked(journal: Journal) -> Journal:
    """Ends the hold, and the rollback window."""
    after = msgspec.structs.replace(journal, promote=True)
    if after.progress.state is PodState.HOLDING:
        return _with(after, state=PodState.FLIPPING)
    return after


def failing(journal: Journal, reason: FailureReason, message: str) -> Journal:
    """Something went wrong: take it back. The first reason is kept."""
    if journal.progress.state in FINAL or journal.progress.state is PodState.ROLLING_BACK:
        return journal
    return _with(journal, state=PodState.ROLLING_BACK, reason=reason, message=message[:2000])


def failed(journal: Journal, rollback_ms: float, now: float) -> Journal:
    return _with(journal, state=PodState.FAILED, rollback_ms=rollback_ms, finished_at=now)


def overlaid(done: Journal, asked: Journal) -> Journal:
    """What we did, under what was asked for meanwhile. A commit that is done stays."""
    if asked.command.id != done.command.id:
        return asked
    if asked.progress.state is PodState.ROLLING_BACK and done.progress.state not in FINAL:
        return asked
    done = weight_asked(done, asked.weight)
    return promote_asked(done) if asked.promote and not done.promote else done


def window_left(journal: Journal, elapsed: float) -> float:
    """Seconds that are left of the rollback window, so many after the flip. `promote` ends it."""
    if journal.promote:
        return 0.0
    return max(0.0, journal.command.handoff.rollback_window_seconds - elapsed)


def check_base(expected: Base | None, image: str, sha256: str = "") -> None:
    """Raises Failed where the revision holds for another base. An empty half matches anything."""
    if expected is None:
        return
    for name, want, got in (
        ("image", expected.image, image),
        ("sha256", expected.sha256, sha256),
    ):
        if want and got and want != got:
            raise Failed(
                FailureReason.SUPERSEDED, f"the revision holds for {name} {want}; here it is {got}"
            )


def serving_since(journal: Journal | None) -> float:
    """When new connections went to the revision that serves, in Unix seconds; 0: no flip to it."""
    return journal.flipped_at if journal and journal.progress.state in FLIPPED else 0.0


def next_action(journal: Journal, launcher: LauncherStatus) -> Action:
    """What is next. Raises Failed where the launcher has taken the upgrade back, or lost it."""
    state = journal.progress.state
    if state in ALIVE:
        _check(journal, launcher)
        upgrade = launcher.upgrade
        if state is PodState.PROBING and upgrade and upgrade.state is UpgradeState.STARTING:
            return Action.AWAIT_LISTENING
        if state is PodState.HOLDING and journal.weight != journal.progress.weight:
            return Action.STEER
    return {
        PodState.FETCHING: Action.FETCH,
        PodState.STAGED: Action.START,
        PodState.STARTING: Action.START,
        PodState.PROBING: Action.PROBE,
        PodState.HOLDING: Action.HOLD,
        PodState.FLIPPING: Action.FLIP,
        PodState.WATCHING: Action.WATCH,
        PodState.COMMITTING: Action.COMMIT,
        PodState.ROLLING_BACK: Action.ROLL_BACK,
    }.get(state, Action.NOTHING)


def _check(journal: Journal, launcher: LauncherStatus) -> None:
    upgrade = launcher.upgrade
    if upgrade is None or upgrade.id != journal.command.id:
        raise Failed(
            FailureReason.PROCESS_EXITED,
            "the container restarted while the upgrade was under way",
        )
    if upgrade.state is UpgradeState.ROLLED_BACK:
        reason = upgrade.reason.value if upgrade.reason else FailureReason.PROCESS_EXITED.value
        raise Failed(FailureReason(reason), upgrade.message)


def _with(journal: Journal, **changes: object) -> Journal:
    progress = msgspec.structs.replace(journal.progress, **changes)
    return msgspec.structs.replace(journal, progress=progress)
