"""What unmodified servers do with their sockets, and what the launcher makes of it."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.launcher_process import (
    LauncherProcess,
    Load,
    free_port,
    listens,
    odd_server,
    started_bare,
    until,
    versions,
)

QUICK = ["--rollback-window", "50ms", "--drain", "2s"]


def upgrade(launcher: LauncherProcess, version: str = "v2") -> None:
    launcher.must("upgrade", "--env", f"VERSION={version}")
    until("promotion", lambda: launcher.status()["upgrade"]["state"] == "promoted")


def addresses(launcher: LauncherProcess) -> set[str]:
    generations = launcher.status()["generations"]
    return {s["address"] for g in generations for s in g.get("sockets", [])}


def test_nobody_connects_before_the_app_itself_listens(tmp_path: Path) -> None:
    port, go_on = free_port(), tmp_path / "go-on"
    with LauncherProcess(tmp_path, odd_server("binds_early", port, go_on)) as launcher:
        until("a slot", lambda: bound_by(launcher, port))
        assert not listens("127.0.0.1", port)
        assert launcher.status()["generations"][0]["state"] == "starting"
        go_on.touch()
        until("it listens", lambda: listens("127.0.0.1", port))
        assert launcher.status()["generations"][0]["state"] == "serving"


def bound_by(launcher: LauncherProcess, port: int) -> bool:
    """A second bind is refused: proc_net_tcp(5) does not list sockets that are only bound."""
    assert launcher.alive()
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def test_listener_has_the_options_that_the_app_set(tmp_path: Path) -> None:
    port, file = free_port("::1"), tmp_path / "options"
    command = odd_server("options", port, file)

    def found() -> Any:
        value = json.loads(until("the options", lambda: file.exists() and file.read_text()))
        file.unlink()
        return value

    with started_bare(command):
        bare = found()
    with LauncherProcess(tmp_path, command, QUICK) as launcher:
        assert found() == bare
        upgrade(launcher)
        assert found() == bare


def test_wildcards_of_both_families_are_upgraded_together(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("wildcards", port), QUICK) as launcher:
        until("both listen", lambda: listens("127.0.0.1", port) and listens("::1", port))
        assert addresses(launcher) == {f"0.0.0.0:{port}", f"[::]:{port}"}
        upgrade(launcher)
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        assert versions(f"http://[::1]:{port}/") == {"v2"}


def test_udp_unix_and_port_0_are_left_to_the_kernel(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "report"
    with LauncherProcess(tmp_path, odd_server("others", port, file)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        report = json.loads(file.read_text())
        assert report["udp"] == "x"
        assert report["port"] not in (0, port)
        assert addresses(launcher) == {f"127.0.0.1:{port}"}


def test_address_bound_twice_is_refused_and_bound_again_after_a_close(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "report"
    with LauncherProcess(tmp_path, odd_server("twice", port, file), QUICK) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port) and file.exists())
        assert json.loads(file.read_text()) == {"refused": "EADDRINUSE"}
        assert len(launcher.status()["generations"][0]["sockets"]) == 1
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}


def test_second_port_that_is_bound_late_is_handed_over_too(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "go-on"
    with LauncherProcess(tmp_path, odd_server("binds_late", port, file), QUICK) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        file.touch()
        until("the second port", lambda: listens("127.0.0.1", port + 1))
        file.unlink()  # the new process is not ready before both are there
        answer = launcher.call("upgrade", "--ready-timeout", "500ms")
        assert f"NotReady: the new process did not listen on 127.0.0.1:{port + 1}" in answer.stderr
        file.touch()
        upgrade(launcher)
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        assert versions(f"http://127.0.0.1:{port + 1}/") == {"v2"}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda c: ["sh", "-c", 'true; "$0" "$@"; exit $?', *c],
        lambda c: ["sh", "-c", 'exec "$0" "$@"', *c],
        lambda c: [
            sys.executable,
            "-c",
            "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])",
            *c,
        ],
    ],
    ids=["child of a shell", "exec of a shell", "exec of an interpreter"],
)
def test_exec_d_descendants_are_upgraded(
    wrap: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, wrap(odd_server("plain", port)), QUICK) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/")
        upgrade(launcher)
        until("the old one is gone", lambda: launcher.states() == ["exited", "serving"])
        report = load.stop()
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        assert set(report["versions"]) <= {"v1", "v2"}


def test_forked_workers_share_a_listener_that_is_upgraded(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "workers"
    with LauncherProcess(tmp_path, odd_server("forks", port, file), QUICK) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        upgrade(launcher)
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}
        until("the old ones are gone", lambda: launcher.states() == ["exited", "serving"])
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}


def test_worker_with_a_reuseport_socket_of_its_own_may_die(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "workers"
    url = f"http://127.0.0.1:{port}/"
    with LauncherProcess(tmp_path, odd_server("shared", port, file), QUICK) as launcher:
        until("three listen", lambda: slots(launcher) == 3)
        first = json.loads(until("the pids", lambda: file.exists() and file.read_text()))[0]
        launcher.kill_descendant(first)
        assert versions(url, 60) == {"v1"}  # what waits on its slot is passed on to the others
        until("its slot has no weight any more", lambda: slots(launcher) == 2)
        file.with_name("workers.again").touch()
        until("another listens", lambda: slots(launcher) == 3)
        assert versions(url, 60) == {"v1"}


def slots(launcher: LauncherProcess) -> int:
    return len(launcher.status()["generations"][-1].get("sockets", []))


def test_signals_never_interrupt_bind_or_listen(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "failures"
    with LauncherProcess(tmp_path, odd_server("storm", port, file)):
        failures = json.loads(until("300 binds", lambda: file.exists() and file.read_text()))
        assert failures == {}


def test_epoll_before_bind_runs_untouched_and_says_why_it_is_not_hot(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, odd_server("epoll", port)) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        assert versions(f"http://127.0.0.1:{port}/") == {"v1"}
        status = launcher.status()
        assert (status["mode"], status["hotCapable"]) == ("plain", False)
        assert "registers its socket with epoll before bind" in status["reason"]
        answer = launcher.call("upgrade")
        assert answer.returncode == 1
        assert "cannot upgrade hot: the app registers its socket with epoll" in answer.stderr


def test_new_version_with_epoll_before_bind_is_taken_back_and_the_old_stays_hot(
    tmp_path: Path,
) -> None:
    port = free_port()
    command = ["sh", "-c", f"exec {sys.executable} {SERVER} ${{HABIT:-plain}} {port}"]
    with LauncherProcess(tmp_path, command, QUICK) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        answer = launcher.call("upgrade", "--env", "HABIT=epoll")
        assert "StartFailed: the new process cannot take the sockets over" in answer.stderr
        assert launcher.status()["mode"] == "transparent"
        upgrade(launcher)
        assert versions(f"http://127.0.0.1:{port}/") == {"v2"}


SERVER = odd_server("plain", 0)[1]


def test_mptcp_listener_becomes_a_plain_tcp_one(tmp_path: Path) -> None:
    port = free_port()
    script = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)\n"  # IPPROTO_MPTCP
        f"s.bind(('127.0.0.1', {port})); s.listen()\n"
        "while True:\n"
        " c = s.accept()[0]; c.recv(999)\n"
        " c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n%d\\n' % c.getsockopt(socket.SOL_SOCKET, 38))\n"
        " c.close()\n"  # 38: SO_PROTOCOL
    )
    with LauncherProcess(tmp_path, [sys.executable, "-c", script]) as launcher:
        until("it listens", lambda: listens("127.0.0.1", port))
        assert addresses(launcher) == {f"127.0.0.1:{port}"}
        assert versions(f"http://127.0.0.1:{port}/") == {str(socket.IPPROTO_TCP)}
