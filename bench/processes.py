"""Builds and runs what is measured: the server alone, the server under the launcher, the load."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0


@dataclass(frozen=True)
class Binaries:
    launcher: Path
    load: Path
    server: dict[str, Path]  # by version


def build(directory: Path) -> Binaries:
    """Builds every binary with the Go toolchain on PATH. Raises CalledProcessError."""

    def go(source: str, out: str, flags: str = "-s -w") -> Path:
        target = directory / out
        subprocess.run(
            ["go", "build", "-trimpath", "-ldflags", flags, "-o", str(target), "."],
            cwd=ROOT / source,
            env={**os.environ, "CGO_ENABLED": "0"},
            check=True,
        )
        return target

    return Binaries(
        launcher=go("sidecar/launcher", "hotupgrade-launcher"),
        load=go("tests/functional/load", "load"),
        server={
            version: go("bench/server", f"server-{version}", f"-s -w -X main.version={version}")
            for version in ("v1", "v2")
        },
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(port: int, poll_seconds: float = 0.01) -> None:
    """Raises TimeoutError when nothing accepts on the loopback port within START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(poll_seconds)
    raise TimeoutError(f"cannot reach the server on port {port}: it did not listen in time")


@contextmanager
def started(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server until the block ends; only that process is stopped."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_listening(port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_load(load: Path, port: int, seconds: float, *extra: str) -> dict[str, Any]:
    """One bounded load; the report of tests/functional/load."""
    answer = subprocess.run(
        [str(load), "-url", f"http://127.0.0.1:{port}/", "-duration", f"{seconds}s", *extra],
        check=True,
        capture_output=True,
        timeout=seconds + 30,
    )
    report: dict[str, Any] = json.loads(answer.stdout)
    return report


class Launcher:
    """The command socket of one running launcher; as the agent talks to it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r")

    def call(self, **command: Any) -> dict[str, Any]:
        """The launcher's status after the command. Raises RuntimeError when it refuses."""
        self._socket.sendall(json.dumps(command).encode() + b"\n")
        answer = json.loads(self._lines.readline())
        if "error" in answer:
            raise RuntimeError(f"cannot measure: {answer['error']['message']}")
        status: dict[str, Any] = answer["status"]
        return status

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def cpu_seconds(root: int) -> float:
    """What a process and those that it started used so far; proc_pid_stat(5)."""
    fields = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue  # it ended meanwhile
        fields[int(name.split()[0])] = rest.split()
    members = {root}
    for pid in sorted(fields):  # a child mostly has a greater number
        if int(fields[pid][1]) in members:
            members.add(pid)
    ticks = sum(int(fields[pid][11]) + int(fields[pid][12]) for pid in members)
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Resident:
    """Bytes of one process; proc_pid_status(5). own: what no file backs."""

    all: int
    own: int


def resident(pid: int) -> Resident:
    sizes = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon"):
            sizes[name] = int(value.split()[0]) * 1024
    return Resident(sizes["VmRSS"], sizes["RssAnon"])
