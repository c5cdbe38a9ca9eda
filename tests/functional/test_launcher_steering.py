"""Weights, the hold before the flip, IPv6, and who may command."""

import json
import sys
from pathlib import Path

from tests.functional.launcher_process import (
    LauncherProcess,
    Load,
    free_port,
    go_server,
    listens,
    until,
)

ASKS = """\
import socket, sys, time
path, answer = sys.argv[1:]
peer = socket.socket(socket.AF_UNIX)
while peer.connect_ex(path):
    time.sleep(0.05)
peer.sendall(b'{"command": "start", "upgrade": "mine"}\\n')
line = peer.makefile().readline()
with open(answer + ".partial", "w") as file:
    file.write(line)
import os
os.rename(answer + ".partial", answer)
time.sleep(60)
"""


def counts(url: str, requests: int) -> dict[str, int]:
    report = Load(url, "-requests", str(requests)).finish()
    assert report["failed"] == 0, report
    return dict(report["versions"])


def test_hold_gives_users_the_old_version_and_a_weight_its_share(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with LauncherProcess(tmp_path, [str(go_server("v1")), f"127.0.0.1:{port}"]) as launcher:
        until("the server listens", lambda: listens("127.0.0.1", port))
        launcher.must("upgrade", "--exec", str(go_server("v2")), "--hold", "--probe", url)
        assert set(counts(url, 200)) == {"v1"}
        launcher.must("weight", "25")
        share = counts(url, 2000)["v2"] / 2000
        assert 0.18 < share < 0.32  # 25 %, 7 standard deviations to each side
        launcher.must("weight", "100")
        assert set(counts(url, 200)) == {"v2"}
        launcher.must("rollback")
        assert set(counts(url, 200)) == {"v1"}


def test_ipv6_server_is_upgraded(tmp_path: Path) -> None:
    port = free_port("::1")
    url = f"http://[::1]:{port}/"
    options = ["--rollback-window", "50ms"]
    with LauncherProcess(tmp_path, [str(go_server("v1")), f"[::1]:{port}"], options) as launcher:
        until("the server listens", lambda: listens("::1", port))
        load = Load(url)
        launcher.must("upgrade", "--exec", str(go_server("v2")), "--probe", url)
        until("promotion", lambda: launcher.status()["upgrade"]["state"] == "promoted")
        report = load.stop()
        assert report["failed"] == 0, report
        assert set(counts(url, 100)) == {"v2"}


def test_app_may_not_command_its_launcher(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    command = [sys.executable, "-c", ASKS, str(tmp_path / "launcher.sock"), str(answer)]
    with LauncherProcess(tmp_path, command) as launcher:
        until("the answer", answer.exists)
        error = json.loads(answer.read_text())["error"]
        assert error["code"] == "Refused"
        assert "may not command" in error["message"]
        assert "upgrade" not in launcher.status()


def test_crashed_app_is_started_again_at_once(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [str(go_server("v1", "crash")), f"127.0.0.1:{port}"]
    with LauncherProcess(tmp_path, command) as launcher:
        until("the restart", lambda: launcher.status().get("restarts", 0) >= 1)
        until("it listens", lambda: launcher.status()["generations"][-1]["state"] == "serving")
        assert set(counts(url, 1)) == {"v1"}
