"""Two processes in one real memory cgroup: the new one goes before the container would, and whether
there is room for it is seen before."""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hotupgrade_api.agent_messages import AgentStatus
from hotupgrade_api.launcher_messages import LauncherStatus
from hotupgrade_operator.memory_headroom import Headroom, headroom
from hotupgrade_operator.observation import PodObservation
from tests.functional.launcher_process import (
    LauncherProcess,
    free_port,
    go_server,
    listens,
    until,
    versions,
)

LIMIT = 96 << 20


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of the test's own, v1 or v2."""
    root = Path("/sys/fs/cgroup")
    v1 = (root / "memory" / "memory.usage_in_bytes").exists()
    folder = (root / "memory" if v1 else root) / f"hotupgrade-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / ("memory.limit_in_bytes" if v1 else "memory.max")).write_text(str(LIMIT))
    except OSError as error:
        pytest.skip(f"cannot make a memory cgroup: {error}")
    yield folder
    until("the cgroup is empty", lambda: not (folder / "cgroup.procs").read_text())
    folder.rmdir()


def test_new_version_that_eats_memory_is_killed_and_the_old_serves_on(
    cgroup: Path, tmp_path: Path
) -> None:
    port = free_port()
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    with LauncherProcess(tmp_path, command) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        for pid in (launcher.process.pid, *launcher.pids()):
            (cgroup / "cgroup.procs").write_text(str(pid))
        assert launcher.status()["memoryLimitBytes"] == LIMIT
        launcher.must("upgrade", "--exec", str(go_server("v2", "hog")))
        until("taken back", lambda: launcher.status()["upgrade"]["state"] == "rolledBack")
        upgrade = launcher.status()["upgrade"]
        assert upgrade["reason"] == "OutOfMemory"
        assert "of the container's 96 MiB" in upgrade["message"]
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}
        until("its end", lambda: launcher.states() == ["serving", "exited"])
        assert launcher.status()["generations"][1]["exit"] == "signal SIGKILL"
        assert launcher.status().get("restarts", 0) == 0


def test_room_for_a_second_process_is_what_the_first_leaves_of_the_limit(
    cgroup: Path, tmp_path: Path
) -> None:
    port = free_port()
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    with LauncherProcess(tmp_path, command) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        for pid in (launcher.process.pid, *launcher.pids()):
            (cgroup / "cgroup.procs").write_text(str(pid))
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).close()
        before = room_of(launcher)
        assert before is None or not (before.lacks or before.tight)
        urllib.request.urlopen(f"http://127.0.0.1:{port}/hold", timeout=10).close()
        after = room_of(launcher)
        assert after is not None
        assert after.lacks
        assert "95 % of the memory limit, 96 MiB" in str(after)


def room_of(launcher: LauncherProcess) -> Headroom | None:
    status = msgspec.convert(launcher.status(), LauncherStatus)
    agent = AgentStatus(pod_uid="u", sequence=1, agent_version="1", launcher=status)
    return headroom(PodObservation(name="web", uid="u", agent=agent))
