"""Unmodified servers are upgraded under a load of new connections, and no request fails."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.functional.launcher_process import (
    LauncherProcess,
    Load,
    free_port,
    go_server,
    listens,
    until,
)

SERVERS = Path(__file__).parent / "servers"
UPGRADES = 5


@dataclass(frozen=True)
class Server:
    """How one kind of server is started, and how it stops gracefully."""

    command: Callable[[Path, int], list[str]]
    stop_signal: str = "SIGTERM"
    lame_duck: str = "0s"


def _go(_: Path, port: int) -> list[str]:
    return [str(go_server("v1")), f"127.0.0.1:{port}"]


def _node(_: Path, port: int) -> list[str]:
    return ["node", str(SERVERS / "node/server.js"), "127.0.0.1", str(port)]


def _python(_: Path, port: int) -> list[str]:
    return ["python3", str(SERVERS / "python/server.py"), "127.0.0.1", str(port)]


def _java(directory: Path, port: int) -> list[str]:
    source = str(SERVERS / "java/Server.java")
    subprocess.run(["javac", "-d", str(directory), source], check=True)
    return ["java", "-Xmx64m", "-cp", str(directory), "Server", "127.0.0.1", str(port)]


def _nginx(reuseport: bool) -> Callable[[Path, int], list[str]]:
    def command(directory: Path, port: int) -> list[str]:
        config = directory / "nginx.conf"
        option = " reuseport" if reuseport else ""
        config.write_text(
            f"daemon off; worker_processes 2; pid {directory}/nginx.pid;\n"
            f"error_log {directory}/error.log;\n"
            + ("user root;\n" if os.geteuid() == 0 else "")
            + "events { worker_connections 512; }\n"
            f"http {{ access_log off; client_body_temp_path {directory}/body;\n"
            f"server {{ listen 127.0.0.1:{port}{option}; location / {{ return 200 'v1\\n'; }} }} }}"
        )
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        assert nginx, "nginx is not installed: apt-get install nginx-light"
        return [nginx, "-c", str(config), "-e", f"{directory}/start.log"]

    return command


KINDS = {
    "go": Server(_go),
    "node": Server(_node, lame_duck="100ms"),
    "python": Server(_python),
    "java": Server(_java, lame_duck="100ms"),
    "nginx": Server(_nginx(False), stop_signal="SIGQUIT"),
    "nginx-reuseport": Server(_nginx(True), stop_signal="SIGQUIT"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_upgrades_under_new_connections_fail_no_request(kind: str, tmp_path: Path) -> None:
    server, port = KINDS[kind], free_port()
    options = ["--rollback-window", "50ms", "--lame-duck", server.lame_duck]
    options += ["--stop-signal", server.stop_signal]
    with LauncherProcess(tmp_path, server.command(tmp_path, port), options) as launcher:
        until("the server listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/")
        for _ in range(UPGRADES):
            launcher.must("upgrade", "--probe", f"http://127.0.0.1:{port}/")
            until("promotion", lambda: launcher.status()["upgrade"]["state"] == "promoted")
        report = load.stop()
        assert launcher.status()["mode"] == "transparent"
    print(f"{kind}: {report}")
    assert report["failed"] == 0, report
    assert report["requests"] > UPGRADES


def test_upgrade_to_another_file_serves_the_new_version(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, _go(tmp_path, port), ["--rollback-window", "50ms"]) as launcher:
        until("the server listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/")
        launcher.must("upgrade", "--exec", str(go_server("v2")))
        until("promotion", lambda: launcher.status()["upgrade"]["state"] == "promoted")
        report = load.stop()
        after = Load(f"http://127.0.0.1:{port}/", "-requests", "50").finish()
    assert report["failed"] == 0, report
    assert set(report["versions"]) == {"v1", "v2"}
    assert set(after["versions"]) <= {"v2"}


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("exit", "ProcessExited"), ("silent", "NotReady"), ("sick", "ProbeFailed")],
)
def test_bad_version_is_taken_back_and_fails_no_request(
    behaviour: str, reason: str, tmp_path: Path
) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, _go(tmp_path, port)) as launcher:
        until("the server listens", lambda: listens("127.0.0.1", port))
        load = Load(f"http://127.0.0.1:{port}/")
        probe = f"http://127.0.0.1:{port}/ready"
        bad = str(go_server("v2", behaviour))
        answer = launcher.call(
            "upgrade", "--exec", bad, "--ready-timeout", "1500ms", "--probe", probe
        )
        report = load.stop()
        status = launcher.status()
    assert answer.returncode != 0
    assert status["upgrade"]["state"] == "rolledBack"
    assert status["upgrade"]["reason"] == reason
    assert reason in answer.stderr
    assert report["failed"] == 0, report
    assert set(report["versions"]) == {"v1"}


def test_crash_within_the_rollback_window_is_taken_back(tmp_path: Path) -> None:
    port = free_port()
    with LauncherProcess(tmp_path, _go(tmp_path, port), ["--rollback-window", "30s"]) as launcher:
        until("the server listens", lambda: listens("127.0.0.1", port))
        launcher.must("upgrade", "--exec", str(go_server("v2", "crash")))
        until("rollback", lambda: launcher.status()["upgrade"]["state"] == "rolledBack")
        after = Load(f"http://127.0.0.1:{port}/", "-requests", "50").finish()
        upgrade = launcher.status()["upgrade"]
    assert upgrade["reason"] == "ProcessExited"
    assert after["failed"] == 0
    assert set(after["versions"]) <= {"v1"}
