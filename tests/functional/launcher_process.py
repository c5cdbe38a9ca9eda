"""Builds the launcher, the servers and the load once, and drives real launchers in tests."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotupgrade" / "tests"
DEADLINE_SECONDS = 20.0


def go_build(source: str, name: str, **variables: str) -> Path:
    """Builds a Go main package of this repository, with -X main.<variable>; cached by content."""
    folder = ROOT / source
    digest = hashlib.sha256(repr(sorted(variables.items())).encode())
    for file in sorted([*folder.glob("*.go"), *folder.glob("go.*")]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    target = CACHE / f"{name}-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    flags = " ".join(["-s", "-w", *(f"-X main.{key}={value}" for key, value in variables.items())])
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    subprocess.run(
        ["go", "build", "-trimpath", "-ldflags", flags, "-o", str(partial), "."],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0"},
        check=True,
    )
    partial.rename(target)
    return target


def launcher_binary() -> Path:
    return go_build("sidecar/launcher", "hotupgrade-launcher")


def go_server(version: str, behaviour: str = "") -> Path:
    return go_build("tests/functional/servers/go", "server", version=version, behaviour=behaviour)


def odd_server(habit: str, port: int, file: Path | None = None) -> list[str]:
    """The command of a server with an odd habit: tests/functional/servers/odd."""
    script = ROOT / "tests/functional/servers/odd/server.py"
    return [sys.executable, str(script), habit, str(port), *([str(file)] if file else [])]


@contextmanager
def started_bare(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The same command without a launcher, to compare with."""
    with subprocess.Popen(command, env=dict(os.environ)) as process:
        try:
            yield process
        finally:
            process.kill()


def versions(url: str, requests: int = 20) -> set[str]:
    """Which versions answer; no request may fail."""
    report = Load(url, "-requests", str(requests)).finish()
    assert report["failed"] == 0, report
    return set(report["versions"])


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def until(what: str, check: Any, seconds: float = DEADLINE_SECONDS) -> Any:
    """Polls check() until it is true; fails with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"cannot go on: {what} did not happen within {seconds} s")
        time.sleep(0.02)


def listens(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


@dataclass
class LauncherProcess:
    """One running `hotupgrade-launcher run`."""

    directory: Path
    command: Sequence[str]
    options: Sequence[str] = ()
    env: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.socket = self.directory / "launcher.sock"
        self.log = self.directory / "launcher.log"

    def __enter__(self) -> "LauncherProcess":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(launcher_binary()),
                    *("run", "--socket", str(self.socket), *self.options, "--", *self.command),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **(self.env or {})},
            )
        until(f"the launcher's socket ({self.log})", lambda: self.alive() and self.socket.exists())
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def alive(self) -> bool:
        if self.process.poll() is not None:
            text = self.log.read_text(errors="replace")
            raise AssertionError(f"the launcher ended with {self.process.returncode}: {text}")
        return True

    def call(self, verb: str, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(launcher_binary()), verb, "--socket", str(self.socket), *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def must(self, verb: str, *args: str) -> str:
        answer = self.call(verb, *args)
        log = self.log.read_text(errors="replace")[-4000:]
        assert answer.returncode == 0, f"{verb}: {answer.stderr}\n{log}"
        return answer.stdout

    def states(self) -> list[str]:
        return [g["state"] for g in self.status()["generations"]]

    def pids(self) -> list[int]:
        """The process generations that live, oldest first."""
        return [g["pid"] for g in self.status()["generations"] if "pid" in g]

    def queued(self) -> int:
        """Connections that the kernel holds for processes that have not accepted them yet."""
        sockets = [s for g in self.status()["generations"] for s in g.get("sockets", [])]
        return sum(s.get("queued", 0) for s in sockets)

    def kill_descendant(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Signals a process of this launcher's, and no other one that got its id meanwhile."""
        ancestor = pid
        while ancestor not in (0, self.process.pid):
            stat = Path(f"/proc/{ancestor}/stat").read_text()
            ancestor = int(stat.rpartition(")")[2].split()[1])
        assert ancestor == self.process.pid, f"{pid} is none of the launcher's"
        os.kill(pid, number)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.must("status", "--json"))
        return answer


class Load:
    """New connections, one a request, from a process of its own, until stop()."""

    def __init__(self, url: str, *args: str, seconds: int = 60) -> None:
        binary = go_build("tests/functional/load", "load")
        command = [str(binary), "-url", url, "-concurrency", "4", "-duration", f"{seconds}s", *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self) -> dict[str, Any]:
        self.process.terminate()
        return self.finish()

    def finish(self) -> dict[str, Any]:
        """The report of a load that ends by itself: one with -requests."""
        output, _ = self.process.communicate(timeout=30)
        report: dict[str, Any] = json.loads(output)
        return report
