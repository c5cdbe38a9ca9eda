"""Starts one component after the other and waits until each is ready; its log tells why not."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.requirements import CannotStart

READY_SECONDS = 120.0
POLL_SECONDS = 0.1
TAIL_BYTES = 3000


class Components:
    """What runs. Nothing stops them singly: they end with the cluster's PID namespace."""

    def __init__(self, logs: Path, path: str) -> None:
        self._logs = logs
        self._environment = {**os.environ, "PATH": path}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, command: list[str], name: str = "") -> None:
        """name: of its log, where the command is not it."""
        name = name or command[0]
        with (self._logs / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait(self, what: str, ready: Callable[[], bool], *concerned: str) -> None:
        """Raises CannotStart with the last words of the components that are concerned."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            dead = [name for name, process in self._running.items() if process.poll() is not None]
            if dead:
                raise CannotStart(f"cannot start the cluster: {dead[0]} ended\n{self.tails(*dead)}")
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"cannot start the cluster: {what} not in {READY_SECONDS:.0f} s\n"
                    f"{self.tails(*concerned)}"
                )
            time.sleep(POLL_SECONDS)

    def tails(self, *names: str) -> str:
        return "\n".join(f"--- {name}\n{_tail(self._logs / f'{name}.log')}" for name in names)


def _tail(log: Path) -> str:
    return log.read_bytes()[-TAIL_BYTES:].decode(errors="replace") if log.exists() else "no log"
