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
START_SECONDS = 10.0


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


def wait_until_listening(port: int) -> None:
    """Raises TimeoutError when nothing accepts on the loopback port within START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
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


@dataclass(frozen=True)
class Launcher:
    """The command line of one running launcher."""

    binary: Path
    socket: Path

    def call(self, verb: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.binary), verb, "--socket", str(self.socket), *args],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.call("status", "--json").stdout)
        return answer


def rss_bytes(pid: int) -> int:
    """VmRSS of one process; proc_pid_status(5)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"cannot read VmRSS: process {pid} has none")
