"""The resident memory of an idle agent, as it runs in a pod."""

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.processes import Resident, free_port, resident, wait_until_listening
from hotupgrade_agent.certificate import make_pem
from hotupgrade_api import pod_layout

SETTLE_SECONDS = 3.0


def agent_resident(directory: Path) -> Resident:
    """One agent that serves and has nothing to do. The second one counts: like an image's, its
    modules are compiled ahead (compiling costs it 3 MB for good)."""
    _run(directory / "first")
    return _run(directory / "second")


def _run(directory: Path) -> Resident:
    directory.mkdir()
    port, metrics = free_port(), free_port()
    store = directory / "store"
    store.mkdir()
    token = directory / "token"
    token.write_text("none")
    certificate = make_pem("hotupgrade-operator").decode()
    env = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(directory.parent / "compiled"),
        pod_layout.ENV_POD_NAME: "bench",
        pod_layout.ENV_POD_NAMESPACE: "bench",
        pod_layout.ENV_POD_UID: "bench",
        pod_layout.ENV_POD_IP: "127.0.0.1",
        pod_layout.ENV_HOT_UPGRADE_UID: "bench",
        pod_layout.ENV_STORE: str(store),
        pod_layout.ENV_STORE_LIMIT: str(1 << 30),
        pod_layout.ENV_SOCKET: str(directory / "launcher.sock"),
        pod_layout.ENV_AGENT_PORT: str(port),
        pod_layout.ENV_METRICS_PORT: str(metrics),
        pod_layout.ENV_BIND_ADDRESS: "127.0.0.1",
        pod_layout.ENV_CA_BUNDLE: certificate[certificate.index("-----BEGIN CERT") :],
        pod_layout.ENV_TOKEN_FILE: str(token),
    }
    command = [sys.executable, "-m", "hotupgrade_agent.main", "serve"]
    with subprocess.Popen(command, env=env) as process:
        try:
            wait_until_listening(metrics)
            time.sleep(SETTLE_SECONDS)
            return resident(process.pid)
        finally:
            process.terminate()
