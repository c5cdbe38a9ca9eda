"""The launcher's protocol as golden JSON: written from Python's types, read by Go's tests."""

from pathlib import Path

import msgspec
import pytest

from hotupgrade_api import launcher_messages as m
from hotupgrade_api.store_records import RevisionRecord

GOLDEN = Path(__file__).parent / "golden/launcher"
SHA = "a" * 64
PROGRAM = m.Program(file="/store/blobs/a/server", sha256=SHA, replaces="server.jar")
GENERATION = m.ProcessGeneration(
    number=2,
    state=m.ProcessState.SERVING,
    pid=7,
    revision="r2",
    version="2",
    sha256=SHA,
    weight=90,
    started_at=1.5,
    rss_bytes=4096,
    sockets=[m.SocketStatus(address="0.0.0.0:8080", slot=1, probe_ports=(64016, 64031), queued=3)],
    exit="signal SIGSEGV",
)
MESSAGES: dict[str, msgspec.Struct] = {
    "command-status": m.StatusCommand(),
    "command-start": m.StartCommand(
        upgrade="u1",
        revision="r2",
        version="2",
        program=PROGRAM,
        env={"A": "b"},
        handoff=m.LauncherHandoff(
            ready_timeout_seconds=1.5,
            drain_seconds=2.5,
            lame_duck_seconds=3.5,
            rollback_window_seconds=4.5,
            stop_signal="SIGQUIT",
        ),
        auto_promote=True,
    ),
    "command-weight": m.WeightCommand(upgrade="u1", weight=0),
    "command-promote": m.PromoteCommand(upgrade="u1"),
    "command-rollback": m.RollbackCommand(
        upgrade="u1", reason=m.TakenBack.PROBE_FAILED, message="why"
    ),
    "command-wait": m.WaitCommand(after=3, timeout_seconds=1.5),
    "answer": m.LauncherAnswer(
        status=m.LauncherStatus(
            sequence=4,
            mode=m.Mode.TRANSPARENT,
            reason="why",
            hot_capable=False,
            launcher_version="1",
            revision="r2",
            version="2",
            base=m.Base(image="app:1", sha256=SHA),
            superseded="because",
            restarts=1,
            generations=[GENERATION],
            upgrade=m.UpgradeStatus(
                id="u1",
                state=m.UpgradeState.ROLLED_BACK,
                revision="r2",
                generation=2,
                reason=m.TakenBack.EXITED,
                message="m",
                listen_ms=1.5,
                flip_ms=2.5,
                rollback_ms=3.5,
            ),
            memory_bytes=5,
            memory_limit_bytes=6,
        ),
        error=m.LauncherError(code=m.LauncherErrorCode.BUSY, message="busy"),
    ),
    "revision": RevisionRecord(
        revision="r2", program=PROGRAM, version="2", base=m.Base(image="app:1", sha256=SHA)
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_message_is_what_the_type_writes_and_reads(name: str) -> None:
    message, path = MESSAGES[name], GOLDEN / f"{name}.json"
    text = msgspec.json.format(msgspec.json.encode(message), indent=1).decode() + "\n"
    assert path.exists() and path.read_text() == text, f"write this to {path}:\n{text}"
    assert msgspec.json.decode(path.read_bytes(), type=type(message)) == message


def test_every_command_has_a_golden_message() -> None:
    tags = {kind.__struct_config__.tag for kind in m.LauncherCommand.__args__}
    assert {f"command-{tag}" for tag in tags} <= set(MESSAGES)
