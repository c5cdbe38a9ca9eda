"""A TCP connection as a pod, or the node, would make it."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.pod import Pod

SECONDS = 3.0
CONNECT = (
    "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), {}).close()"
)


def connects(source: Pod | None, address: str, port: int) -> bool:
    """source: None is the node. Whether it is answered by a connection."""
    enter = ["nsenter", "--target", str(_process_of(source)), "--net"] if source else []
    command = [*enter, sys.executable, "-c", CONNECT.format(SECONDS), address, str(port)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _process_of(pod: Pod) -> int:
    """Any: all of a pod's processes are in its network namespace."""
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"pod{pod.uid}" in (folder / "cgroup").read_text():
                return int(folder.name)
        except OSError:
            continue  # it ended meanwhile
    raise AssertionError(f"cannot find a process of pod {pod.name}")
