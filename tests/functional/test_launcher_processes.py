"""Processes under the launcher: how they start, are told, crash, drain and end."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.functional.launcher_process import (
    LauncherProcess,
    Load,
    free_port,
    go_server,
    launcher_binary,
    listens,
    odd_server,
    started_bare,
    until,
    versions,
)


def read(file: Path) -> Any:
    return json.loads(until(f"{file.name}", lambda: file.exists() and file.read_text()))


def ask_slowly(port: int) -> socket.socket:
    """A request that takes the odd server two seconds."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
    return connection


def answer_of(connection: socket.socket) -> str:
    with closing(connection), connection.makefile() as lines:
        return lines.read().splitlines()[-1]


def test_app_starts_as_it_would_without_a_launcher(tmp_path: Path) -> None:
    """Same ignored and blocked signals, limits, umask, environment, descriptors and directory."""
    port, file = free_port(), tmp_path / "told"
    command = odd_server("told", port, file)
    env = {"GOMAXPROCS": "3", "HOTUPGRADE_STORE": ""}
    with started_bare(["env", "GOMAXPROCS=3", *command]):
        bare = read(file)
        until("it listens", lambda: listens("127.0.0.1", port))
    file.unlink()
    with LauncherProcess(tmp_path, command, env=env):
        told = read(file)
    assert told[0].pop("NoNewPrivs") == "1"
    bare[0].pop("NoNewPrivs")
    assert set(told[2]) ^ set(bare[2]) == set()
    assert told == bare


def test_signals_reach_the_app_and_its_status_is_the_launchers(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "told"
    with LauncherProcess(tmp_path, odd_server("told", port, file)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        sent = []
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGTERM):
            launcher.process.send_signal(number)
            sent.append(number.name)
            until(number.name, lambda: read(file) == {"heard": sent})
        assert launcher.process.wait(10) == 7


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 9"], 9),
        (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL),
        (["/nonexistent/server"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_exit_status_is_the_apps_where_it_shall_exit_with_it(
    command: list[str], code: int, tmp_path: Path
) -> None:
    options = ["--socket", str(tmp_path / "socket"), "--on-exit", "exit"]
    run = [str(launcher_binary()), "run", *options, "--", *command]
    answer = subprocess.run(run, capture_output=True, text=True, timeout=20, check=False)
    assert answer.returncode == code, answer.stderr


def test_orphans_are_reaped(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "pids"
    with LauncherProcess(tmp_path, odd_server("orphans", port, file)):
        pids = read(file)
        until("their end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_app_that_went_to_the_background_is_followed(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "pid"
    options = ["--rollback-window", "50ms", "--drain", "1s"]
    with LauncherProcess(tmp_path, odd_server("daemon", port, file), options) as launcher:
        until("it is followed", lambda: launcher.pids() == [read(file)])
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}
        launcher.must("upgrade", "--env", "VERSION=v2")
        until("the old one is gone", lambda: launcher.states() == ["exited", "serving"])
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        assert launcher.status().get("restarts", 0) == 0


def test_new_connections_wait_for_the_restart_of_a_killed_app(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("plain", port)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        launcher.kill_descendant(launcher.pids()[0])
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}
        assert launcher.status()["restarts"] == 1


def test_app_that_crashes_again_refuses_until_it_is_tried_again(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("plain", port)) as launcher:
        for restarts in (1, 2):
            until("it serves", lambda: launcher.states()[-1] == "serving")
            launcher.kill_descendant(launcher.pids()[0])
            until("the next", lambda r=restarts: launcher.status().get("restarts", 0) == r)
        until("nobody serves", lambda: not listens("127.0.0.1", port))
        assert launcher.pids() == []  # for ten seconds, as a kubelet would back off
        assert launcher.process.poll() is None


def test_crash_of_one_of_two_with_weight_leaves_all_to_the_other(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("plain", port)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        launcher.must("upgrade", "--env", "VERSION=v2", "--hold")
        launcher.must("weight", "50")
        load = Load(f"http://127.0.0.1:{port}/")
        until("both serve", lambda: launcher.states() == ["serving", "serving"])
        launcher.kill_descendant(launcher.pids()[1])
        until("taken back", lambda: launcher.status()["upgrade"]["state"] == "rolledBack")
        assert launcher.status()["upgrade"]["reason"] == "ProcessExited"
        assert versions(f"http://127.0.0.1:{port}/", 50) == {"v1"}
        report = load.stop()
        # Those that the killed process had accepted are lost with it: at most one a connection.
        assert report["failed"] <= 4, report


def test_old_process_that_ignores_its_stop_signal_is_killed_after_drain(tmp_path: Path) -> None:
    port = free_port()
    options = ["--rollback-window", "0s", "--drain", "300ms"]
    with LauncherProcess(tmp_path, odd_server("stubborn", port), options) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        launcher.must("upgrade", "--env", "VERSION=v2")
        until("its end", lambda: launcher.states() == ["exited", "serving"])
        assert launcher.status()["generations"][0]["exit"] == "signal SIGKILL"
        os.kill(launcher.process.pid, signal.SIGTERM)
        launcher.kill_descendant(launcher.pids()[0])
        launcher.process.wait(10)


def test_lame_duck_lets_a_program_finish_that_drops_all_at_its_stop_signal(tmp_path: Path) -> None:
    port = free_port()
    options = ["--rollback-window", "0s", "--lame-duck", "20s"]
    with LauncherProcess(tmp_path, odd_server("plain", port), options) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        slow = ask_slowly(port)
        until("it is accepted", lambda: launcher.queued() == 0)
        launcher.must("upgrade", "--env", "VERSION=v2")
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        assert answer_of(slow) == "v1"
        until("its end", lambda: launcher.states() == ["exited", "serving"])


def test_request_that_was_not_read_at_the_promotion_is_answered(tmp_path: Path) -> None:
    """Go's net/http closes such a connection unanswered once it is told to stop."""
    port = free_port()
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    with LauncherProcess(tmp_path, command, ["--rollback-window", "0s"]) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        until("it is accepted", lambda: launcher.queued() == 0)
        launcher.must("upgrade", "--exec", str(go_server("v2")))
        until("the drain", lambda: launcher.states() == ["draining", "serving"])
        time.sleep(0.2)  # longer than a handshake is waited for, shorter than a request
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert answer_of(connection) == "v1"


def test_several_old_processes_drain_at_once(tmp_path: Path) -> None:
    port = free_port()
    command = [str(go_server("v1")), f"127.0.0.1:{port}"]
    with LauncherProcess(tmp_path, command, ["--rollback-window", "0s"]) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        slow = []
        for _ in range(3):
            slow.append(ask_slowly(port))
            until("it is accepted", lambda: launcher.queued() == 0)
            launcher.must("upgrade")
            until("promotion", lambda: launcher.status()["upgrade"]["state"] == "promoted")
        assert launcher.states().count("draining") >= 2
        assert [answer_of(connection) for connection in slow] == ["v1"] * 3
        until("their end", lambda: launcher.states() == ["exited"] * 3 + ["serving"])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where other users may look and write: tmp_path is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="hotupgrade-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_app_that_may_not_be_looked_into_runs_untouched(open_folder: Path) -> None:
    """Without CAP_SYS_PTRACE, as in a restricted pod."""
    port, nobody, folder = free_port(), 65534, open_folder
    binary = shutil.copy(launcher_binary(), folder / "launcher")
    script = shutil.copy(odd_server("undumpable", port)[1], folder / "server.py")
    command = ["/usr/bin/python3", str(script), "undumpable", str(port)]
    run = [str(binary), "run", "--socket", str(folder / "socket"), "--", *command]
    user: dict[str, Any] = {"user": nobody, "group": nobody} if os.geteuid() == 0 else {}
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True, **user) as process:
        try:
            until("it listens", lambda: listens("127.0.0.1", port))
            assert versions(f"http://127.0.0.1:{port}/") == {"v1"}
        finally:
            process.terminate()
        assert process.stderr is not None
        assert re.search(r"left alone.*may not be looked into", process.stderr.read())


def test_app_that_runs_a_launcher_itself_runs_under_the_outer_one(tmp_path: Path) -> None:
    """A second filter with a listener is EBUSY: the inner one says so, the outer one traps on."""
    port, inner = free_port(), str(tmp_path / "inner")
    server = [str(go_server("v1")), f"127.0.0.1:{port}"]
    command = [str(launcher_binary()), "run", "--socket", inner, "--", *server]
    with LauncherProcess(tmp_path, command, ["--rollback-window", "0s"]) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        status = run("status", "--json", "--socket", inner)
        assert json.loads(status.stdout)["hotCapable"] is False
        assert "cannot work in transparent mode" in json.loads(status.stdout)["reason"]
        assert launcher.states() == ["serving"]
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}


def run(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [str(launcher_binary()), *args]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=20, check=False, **options
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_other_users_may_ask_but_not_command_unless_listed(open_folder: Path) -> None:
    port, nobody = free_port(), 65534
    binary = shutil.copy(launcher_binary(), open_folder / "launcher")

    def as_nobody(verb: str) -> subprocess.CompletedProcess[str]:
        command = [str(binary), verb, "--socket", str(open_folder / "launcher.sock")]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=False, user=nobody
        )

    for options, code in (([], 1), (["--peer-uid", f"4711,{nobody}"], 0)):
        with LauncherProcess(open_folder, odd_server("plain", port), options) as launcher:
            until("it listens", lambda: listens("127.0.0.1", port))
            assert as_nobody("status").returncode == 0
            answer = as_nobody("upgrade")
            assert answer.returncode == code
            assert code == 0 or "UID 65534 may not; --peer-uid" in answer.stderr
            assert len(launcher.pids()) == 2 - code


def test_load_sees_no_failure_when_the_serving_process_closes_its_listener_at_its_stop_signal(
    tmp_path: Path,
) -> None:
    """nginx, Go and most others close at SIGTERM: what the kernel had queued is not lost."""
    port = free_port()
    options = ["--rollback-window", "0s", "--drain", "5s"]
    with LauncherProcess(
        tmp_path, [str(go_server("v1")), f"127.0.0.1:{port}"], options
    ) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/", "-concurrency", "16")
        for _ in range(10):
            launcher.must("upgrade")
            until("promotion", lambda: launcher.status()["upgrade"]["state"] == "promoted")
        report = load.stop()
        assert report["failed"] == 0, report
