"""Agent <-> launcher: newline-delimited JSON over the launcher's Unix socket.

One request a line, one answer a line, in order; a line is at most MAX_LINE bytes. `v` is the
protocol's version. Commands are idempotent by `upgrade`, the id that the sender chose: a command
that was carried out already answers like the first time. The launcher never moves `current`.
Durations are seconds.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from hotupgrade_api.wire import Wire

VERSION = 1
MAX_LINE = 1 << 20

Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class Mode(StrEnum):
    """How the launcher hands connections over (`plain` cannot, the app just runs)."""

    TRANSPARENT = "transparent"
    ACTIVATION = "activation"
    SIGNAL = "signal"
    PLAIN = "plain"


class ProcessState(StrEnum):
    """Where one process generation is in its life."""

    STARTING = "starting"  # exec'd, does not listen on all of the serving one's addresses yet
    LISTENING = "listening"  # listens; weight 0; reachable by its probe ports only
    SERVING = "serving"  # has weight
    WARM = "warm"  # had weight; waits for the rollback window to end
    DRAINING = "draining"  # its queue runs empty, then it is told to stop
    EXITED = "exited"


class UpgradeState(StrEnum):
    """Where the launcher's one current (or last) upgrade is."""

    STARTING = "starting"
    LISTENING = "listening"
    SHIFTED = "shifted"  # 0 < weight < 100
    FLIPPED = "flipped"  # weight 100; the old one is warm
    PROMOTED = "promoted"  # final
    ROLLED_BACK = "rolledBack"  # final; `reason` and `message` say why


class TakenBack(StrEnum):
    """Why an upgrade was rolled back: CamelCase, as conditions and metrics show it."""

    EXITED = "ProcessExited"
    NOT_READY = "NotReady"  # did not listen within readyTimeoutSeconds
    PROBE_FAILED = "ProbeFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    REQUESTED = "Requested"
    VERIFICATION_FAILED = "VerificationFailed"
    START_FAILED = "StartFailed"


class Program(Wire, frozen=True, kw_only=True):
    """The verified file that a process generation runs, and the word that it stands for."""

    file: str  # absolute path, read by the launcher in the app's container
    sha256: str  # 64 hex digits; checked on the open descriptor that is then exec'd
    replaces: str = ""  # a word of the command; empty: the program (first word)


class LauncherHandoff(Wire, frozen=True, kw_only=True):
    """Times of one hand-over, in seconds."""

    ready_timeout_seconds: float = 60.0
    drain_seconds: float = 30.0  # from the stop signal to SIGKILL
    lame_duck_seconds: float = 0.0  # drained of new connections, but not signalled yet
    rollback_window_seconds: float = 60.0  # only where auto_promote
    stop_signal: str = "SIGTERM"


class StatusCommand(Wire, frozen=True, kw_only=True, tag_field="command", tag="status"):
    v: int = VERSION


class StartCommand(Wire, frozen=True, kw_only=True, tag_field="command", tag="start"):
    """Start a new process generation at weight 0. Answers when it is started, not when it listens.

    program None runs the image's own file. auto_promote: the launcher itself ends the rollback
    window after the flip; otherwise it waits for `promote` for as long as it takes.
    """

    upgrade: Id
    revision: str = ""
    version: str = ""
    program: Program | None = None
    env: dict[str, str] = {}
    handoff: LauncherHandoff = LauncherHandoff()
    auto_promote: bool = False
    v: int = VERSION


class WeightCommand(Wire, frozen=True, kw_only=True, tag_field="command", tag="weight"):
    """Give the new process generation `weight` % of new connections; 100 is the flip."""

    upgrade: Id
    weight: Percent
    v: int = VERSION


class PromoteCommand(Wire, frozen=True, kw_only=True, tag_field="command", tag="promote"):
    """Flip if that is still to be done, then drain the old process generation."""

    upgrade: Id
    v: int = VERSION


class RollbackCommand(Wire, frozen=True, kw_only=True, tag_field="command", tag="rollback"):
    """Flip back and stop the new process generation. `reason`: a TakenBack."""

    upgrade: Id
    reason: TakenBack = TakenBack.REQUESTED
    message: str = ""
    v: int = VERSION


class WaitCommand(Wire, frozen=True, kw_only=True, tag_field="command", tag="wait"):
    """Answer the status as soon as its `sequence` is greater than `after`, or at the time-out."""

    after: int = 0
    timeout_seconds: float = 20.0
    v: int = VERSION


LauncherCommand = (
    StatusCommand | StartCommand | WeightCommand | PromoteCommand | RollbackCommand | WaitCommand
)


class SocketStatus(Wire, frozen=True, kw_only=True):
    """One listening socket of one process generation."""

    address: str  # host:port, [host]:port for IPv6; unix:/path
    slot: int
    probe_ports: tuple[int, int]  # first and last source port that reach this slot
    queued: int = 0  # accept queue


class ProcessGeneration(Wire, frozen=True, kw_only=True):
    """One run of the app under the launcher."""

    number: int
    state: ProcessState
    pid: int = 0
    revision: str = ""
    version: str = ""
    sha256: str = ""
    weight: int = 0
    started_at: float = 0.0  # Unix seconds
    rss_bytes: int = 0
    sockets: list[SocketStatus] = []
    exit: str = ""  # "exit status 1", "signal SIGSEGV"


class UpgradeStatus(Wire, frozen=True, kw_only=True):
    """The launcher's current or last upgrade. Milliseconds count from the start command."""

    id: str
    state: UpgradeState
    revision: str = ""
    generation: int = 0  # number of its process generation
    reason: TakenBack | None = None
    message: str = ""
    listen_ms: float = 0.0
    flip_ms: float = 0.0  # from the flip command (or `promote`) to the kernel's program in place
    rollback_ms: float = 0.0  # from what triggered it to the kernel's program in place


class Base(Wire, frozen=True, kw_only=True):
    """What a revision holds for: the container's image string and the replaced file's digest."""

    image: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    sha256: Annotated[str, msgspec.Meta(max_length=64)] = ""


class LauncherStatus(Wire, frozen=True, kw_only=True):
    """What the launcher knows; `sequence` grows with every change that `wait` should see."""

    sequence: int
    mode: Mode
    reason: str = ""  # why this mode
    hot_capable: bool = True
    launcher_version: str = ""
    revision: str = "image"  # of the process generation that serves
    version: str = ""
    base: Base = Base()
    superseded: str = ""  # why `current` was not run, if it was not
    restarts: int = 0
    generations: list[ProcessGeneration] = []
    upgrade: UpgradeStatus | None = None
    memory_bytes: int = 0
    memory_limit_bytes: int = 0
    v: int = VERSION


class LauncherErrorCode(StrEnum):
    INVALID = "Invalid"  # the command itself is wrong
    BUSY = "Busy"  # another upgrade is under way
    NOT_FOUND = "NotFound"  # no upgrade of that id
    CONFLICT = "Conflict"  # not possible in that upgrade's state
    UNSUPPORTED = "Unsupported"  # the mode in force cannot do it
    REFUSED = "Refused"  # verification or memory headroom


class LauncherError(Wire, frozen=True, kw_only=True):
    code: LauncherErrorCode
    message: str


class LauncherAnswer(Wire, frozen=True, kw_only=True):
    """Exactly one of status and error."""

    status: LauncherStatus | None = None
    error: LauncherError | None = None
    v: int = VERSION
