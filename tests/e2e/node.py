"""The node's side: the processes of a pod, found by its cgroup, and its volumes on the disk."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    pid: int
    command: tuple[str, ...]

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Alive, and silent."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """One that is gone needs none."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return


def processes_of(pod_uid: str, word: str) -> list[Process]:
    """Those of the pod with that word in their command."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if f"pod{pod_uid}" not in (folder / "cgroup").read_text():
                continue
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        if word in command:
            found.append(Process(int(folder.name), tuple(command)))
    return found
