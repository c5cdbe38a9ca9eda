"""The cluster as one unit: its namespaces, cgroup and data directory, all gone when it ends."""

import fcntl
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from tests.cluster import binaries, cgroups
from tests.cluster.cache import ROOT, say
from tests.cluster.images import archive, catalogue
from tests.cluster.layout import Layout

RUNS = ROOT / "run"
KEPT_LOGS = ROOT / "logs-of-failed-start"
LOCK = "lock"
NOT_STARTED = 125  # what inside.py exits with where the cluster did not come up
# Ends with this process, whatever ends it; what runs inside ends with its PID 1.
NAMESPACES = (
    *("setpriv", "--pdeathsig=KILL"),
    *("unshare", "--net", "--mount", "--pid", "--uts", "--ipc"),
    *("--fork", "--kill-child", "--mount-proc"),
)


class Unit:
    """`with Unit() as unit: unit.run(command)`. The logs stay where it did not start."""

    def __enter__(self) -> "Unit":
        RUNS.mkdir(parents=True, exist_ok=True)
        for left in RUNS.iterdir():
            _sweep(left)
        self.layout = Layout(RUNS / secrets.token_hex(3))
        self.layout.data.mkdir()
        self._lock = (self.layout.data / LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._keep_logs = False
        return self

    def run(self, command: list[str]) -> int:
        programs = binaries.build()
        binaries.link(programs, self.layout.bin)
        archive.write(self.layout.images, catalogue.images())
        cgroups.make(self.layout.cgroup)
        inside = [sys.executable, "-m", "tests.cluster.inside", str(self.layout.data)]
        process = subprocess.Popen([*NAMESPACES, *inside, *command])

        def stop(_number: int, _frame: FrameType | None) -> None:
            process.kill()

        before = signal.signal(signal.SIGTERM, stop)
        ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command's own to handle
        try:
            code = process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)
            signal.signal(signal.SIGINT, ignored)
        self._keep_logs = code == NOT_STARTED
        return code

    def __exit__(self, *_: object) -> None:
        cgroups.remove(self.layout.cgroup)
        if self._keep_logs:
            shutil.rmtree(KEPT_LOGS, ignore_errors=True)
            shutil.move(self.layout.logs, KEPT_LOGS)
            say(f"the logs are kept in {KEPT_LOGS}")
        shutil.rmtree(self.layout.data, ignore_errors=True)
        self._lock.close()


def _sweep(left: Path) -> None:
    """Removes what a cluster left that was killed: nobody holds its lock."""
    lock = left / LOCK
    if not lock.exists():
        return  # just being made
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        cgroups.remove(Layout(left).cgroup)
        shutil.rmtree(left, ignore_errors=True)
