"""The cluster's own cgroup in every hierarchy that is mounted, of either version; cgroups(7)."""

import time
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
INHERITED = ("cpuset.cpus", "cpuset.mems")  # version 1: empty in a new one, and nothing starts
EMPTY_SECONDS = 20.0


def hierarchies() -> list[Path]:
    """Where they are mounted."""
    lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    return [Path(fields[1]) for fields in lines if fields[2] in ("cgroup", "cgroup2")]


def make(name: str) -> None:
    for root in hierarchies():
        folder = root / name.lstrip("/")
        folder.mkdir(exist_ok=True)
        for file in INHERITED:
            if (folder / file).exists() and not (folder / file).read_text().strip():
                (folder / file).write_text((root / file).read_text())


def remove(name: str) -> None:
    """Raises OSError where something still lives in it: the kernel may take a moment to reap."""
    deadline = time.monotonic() + EMPTY_SECONDS
    for root in hierarchies():
        folder = root / name.lstrip("/")
        while folder.exists():
            try:
                for inner in sorted(folder.rglob("*/"), reverse=True):
                    inner.rmdir()
                folder.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
