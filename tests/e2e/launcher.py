"""A launcher's own answer, asked as root of the node: what runs in the pod, and what ran."""

import socket
from pathlib import Path

import msgspec

from hotupgrade_api.launcher_messages import (
    MAX_LINE,
    LauncherAnswer,
    LauncherStatus,
    StatusCommand,
)
from hotupgrade_api.pod_layout import SOCKET_PATH
from tests.e2e.node import processes_of
from tests.e2e.pod import Pod


def launcher_status(pod: Pod) -> LauncherStatus:
    """Through the root directory of its process: the socket lies in a volume of the pod's."""
    launcher = next(p for p in processes_of(pod.uid, "run") if "launcher" in p.command[0])
    path = Path(f"/proc/{launcher.pid}/root{SOCKET_PATH}")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        peer.sendall(msgspec.json.encode(StatusCommand()) + b"\n")
        with peer.makefile("rb") as answered:
            answer = msgspec.json.decode(answered.readline(MAX_LINE), type=LauncherAnswer)
    assert answer.status is not None, answer
    return answer.status
