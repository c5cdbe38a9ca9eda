"""The measurements: each returns figures of one run on this machine."""

import json
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Binaries, Launcher, free_port, rss_bytes, run_load, started

ROUNDS = 4
ROUND_SECONDS = 4.0
UPGRADES = 20
CONCURRENCY = "8"


@dataclass(frozen=True)
class Throughput:
    """Requests a second, new connection each; the two sides ran in turn, round by round."""

    plain: list[float]
    launcher: list[float]

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios: the machine's drift cancels out within a round."""
        return statistics.median(b / a for a, b in zip(self.plain, self.launcher, strict=True))


@dataclass(frozen=True)
class Upgrades:
    """steady and during: reports of the load. Lists: milliseconds, one an upgrade."""

    steady: dict[str, Any]
    during: dict[str, Any]
    command_to_flip: list[float]
    own_start: list[float]
    flip: list[float]
    rollback: list[float]
    launcher_rss: int


def _under_launcher(binaries: Binaries, sock: Path, port: int) -> list[str]:
    server = [str(binaries.server["v1"]), f"127.0.0.1:{port}"]
    options = ["--socket", str(sock), "--rollback-window", "1h", "--drain", "5s"]
    return [str(binaries.launcher), "run", *options, "--", *server]


def throughput(binaries: Binaries, directory: Path) -> Throughput:
    """A B A B: the server alone, then under the launcher, on the same port."""
    plain: list[float] = []
    launcher: list[float] = []
    for number in range(ROUNDS):
        port = free_port()
        bare = [str(binaries.server["v1"]), f"127.0.0.1:{port}"]
        under = _under_launcher(binaries, directory / f"throughput-{number}.sock", port)
        for command, rates in ((bare, plain), (under, launcher)):
            with started(command, port):
                report = run_load(binaries.load, port, ROUND_SECONDS, "-concurrency", CONCURRENCY)
                rates.append(report["per_s"])
    return Throughput(plain, launcher)


def own_start(binaries: Binaries) -> float:
    """Milliseconds from exec to the first accepted connection, without us."""
    port = free_port()
    begin = time.monotonic()
    with started([str(binaries.server["v2"]), f"127.0.0.1:{port}"], port):
        return (time.monotonic() - begin) * 1000


def _one_upgrade(launcher: Launcher, binaries: Binaries, number: int) -> dict[str, Any]:
    version = "v2" if number % 2 == 0 else "v1"
    answer = launcher.call("upgrade", "--exec", str(binaries.server[version]))
    if answer.returncode != 0:
        raise RuntimeError(f"cannot measure upgrade {number}: {answer.stderr.strip()}")
    upgrade: dict[str, Any] = launcher.status()["upgrade"]
    return upgrade


def upgrades(binaries: Binaries, directory: Path) -> Upgrades:
    """Steady load first, then the same load while UPGRADES upgrades and rollbacks happen."""
    port, sock = free_port(), directory / "upgrades.sock"
    launcher = Launcher(binaries.launcher, sock)
    rate = ("-rate", "1000", "-concurrency", CONCURRENCY)
    to_flip, flips, rollbacks = [], [], []
    with started(_under_launcher(binaries, sock, port), port) as process:
        steady = run_load(binaries.load, port, 10, *rate)
        rss = rss_bytes(process.pid)
        with subprocess.Popen(
            [str(binaries.load), "-url", f"http://127.0.0.1:{port}/", "-duration", "60s", *rate],
            stdout=subprocess.PIPE,
        ) as load:
            for number in range(UPGRADES):
                status = _one_upgrade(launcher, binaries, number)
                to_flip.append(status["listenMs"] + status["flipMs"])
                flips.append(status["flipMs"])
                if number % 2 == 1:  # every second one is taken back, the others stay
                    launcher.call("rollback")
                    rollbacks.append(launcher.status()["upgrade"]["rollbackMs"])
                else:
                    launcher.call("promote")
            load.terminate()
            output, _ = load.communicate(timeout=30)
    during: dict[str, Any] = json.loads(output)
    starts = [own_start(binaries) for _ in range(UPGRADES)]
    return Upgrades(steady, during, to_flip, starts, flips, rollbacks, rss)
