"""The measurements: each returns figures of one run on this machine."""

import hashlib
import json
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import (
    Binaries,
    Launcher,
    Resident,
    cpu_seconds,
    free_port,
    resident,
    run_load,
    started,
    wait_until_listening,
)

ROUNDS = 8
ROUND_SECONDS = 3.0
UPGRADES = 40
UPGRADE_EVERY_SECONDS = 0.25
CONCURRENCY = "8"
SETTLE_SECONDS = 5.0  # a drain at most, and what the launcher gives back after a change


@dataclass(frozen=True)
class Throughput:
    """New connection a request; the two sides ran in turn, round by round.

    plain, launcher: requests a second. plain_cpu, launcher_cpu: seconds of CPU a request that the
    server used, with what runs it; neighbours on a busy machine disturb those less.
    """

    plain: list[float]
    launcher: list[float]
    plain_cpu: list[float]
    launcher_cpu: list[float]

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios: the machine's drift cancels out within a round."""
        return statistics.median(b / a for a, b in zip(self.plain, self.launcher, strict=True))

    @property
    def cpu_ratio(self) -> float:
        return statistics.median(self.launcher_cpu) / statistics.median(self.plain_cpu)


@dataclass(frozen=True)
class Upgrades:
    """steady and during: reports of the load. Lists: milliseconds, one an upgrade."""

    steady: dict[str, Any]
    during: dict[str, Any]
    own_start: list[float]
    to_flip: list[float]
    flip: list[float]
    rollback: list[float]
    resident_steady: Resident
    resident_after: Resident


def _under_launcher(binaries: Binaries, sock: Path, port: int) -> list[str]:
    server = [str(binaries.server["v1"]), f"127.0.0.1:{port}"]
    options = ["--socket", str(sock), "--rollback-window", "1h", "--drain", "5s"]
    return [str(binaries.launcher), "run", *options, "--", *server]


def throughput(binaries: Binaries, directory: Path) -> Throughput:
    """A B B A: the server alone and under the launcher, on the same port; drift cancels out."""
    measured = Throughput([], [], [], [])
    for number in range(ROUNDS):
        port = free_port()
        bare = [str(binaries.server["v1"]), f"127.0.0.1:{port}"]
        under = _under_launcher(binaries, directory / f"throughput-{number}.sock", port)
        turns = [
            (bare, measured.plain, measured.plain_cpu),
            (under, measured.launcher, measured.launcher_cpu),
        ]
        for command, rates, cpu in turns if number % 2 == 0 else reversed(turns):
            with started(command, port) as process:
                before = cpu_seconds(process.pid)
                report = run_load(binaries.load, port, ROUND_SECONDS, "-concurrency", CONCURRENCY)
                rates.append(report["per_s"])
                cpu.append((cpu_seconds(process.pid) - before) / report["requests"])
    return measured


def own_start(binaries: Binaries, version: str) -> float:
    """Milliseconds from a server's exec to its first accepted connection, without us."""
    port = free_port()
    command = [str(binaries.server[version]), f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        begin = time.monotonic()  # Popen returns when the exec succeeded
        try:
            wait_until_listening(port, poll_seconds=0.0005)
            return (time.monotonic() - begin) * 1000
        finally:
            process.terminate()


def _flip_to(launcher: Launcher, program: Path, number: int) -> float:
    """Milliseconds from the command to start to the answer that all new connections are its."""
    upgrade = f"bench-{number}"
    sha256 = hashlib.sha256(program.read_bytes()).hexdigest()
    begin = time.monotonic()
    what = {"file": str(program), "sha256": sha256}
    status = launcher.call(command="start", upgrade=upgrade, revision=sha256[:16], program=what)
    while status["upgrade"]["state"] == "starting":
        status = launcher.call(command="wait", after=status["sequence"])
    launcher.call(command="weight", upgrade=upgrade, weight=100)
    return (time.monotonic() - begin) * 1000


def upgrades(binaries: Binaries, directory: Path) -> Upgrades:
    """Steady load first, then the same load while UPGRADES upgrades and rollbacks happen."""
    port, sock = free_port(), directory / "upgrades.sock"
    rate = ("-rate", "1000", "-concurrency", CONCURRENCY)
    starts, to_flip, flips, rollbacks = [], [], [], []
    with started(_under_launcher(binaries, sock, port), port) as process:
        launcher = Launcher(sock)
        steady = run_load(binaries.load, port, 10, *rate)
        resident_steady = resident(process.pid)
        with subprocess.Popen(
            [str(binaries.load), "-url", f"http://127.0.0.1:{port}/", "-duration", "60s", *rate],
            stdout=subprocess.PIPE,
        ) as load:
            due = time.monotonic()
            for number in range(UPGRADES):
                due += UPGRADE_EVERY_SECONDS
                time.sleep(max(0.0, due - time.monotonic()))
                version = "v2" if number % 2 == 0 else "v1"
                starts.append(own_start(binaries, version))
                to_flip.append(_flip_to(launcher, binaries.server[version], number))
                # Every second one is taken back, the others stay.
                end = "promote" if number % 2 == 0 else "rollback"
                status = launcher.call(command=end, upgrade=f"bench-{number}")["upgrade"]
                flips.append(status["flipMs"])
                if end == "rollback":
                    rollbacks.append(status["rollbackMs"])
            load.terminate()
            output, _ = load.communicate(timeout=30)
        launcher.close()
        time.sleep(SETTLE_SECONDS)
        resident_after = resident(process.pid)
    during: dict[str, Any] = json.loads(output)
    return Upgrades(
        steady, during, starts, to_flip, flips, rollbacks, resident_steady, resident_after
    )
