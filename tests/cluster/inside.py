"""PID 1 of the cluster's namespaces: starts all, runs the command, and ends all by ending."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.cluster import control_plane, node, pki
from tests.cluster.api import Api, ApiUnreachable
from tests.cluster.cache import say
from tests.cluster.layout import (
    CONTAINERD_SOCKET,
    DATA_VARIABLE,
    ETCD_URL,
    NODE,
    Layout,
)
from tests.cluster.process import Components
from tests.cluster.requirements import CannotStart


def start(layout: Layout, path: str) -> None:
    """Until the node is Ready. Raises CannotStart."""
    layout.logs.mkdir()
    node.prepare()
    pki.write(layout)
    api = Api(layout.kubeconfig("admin"))
    components = Components(layout.logs, path)
    components.start(node.containerd(layout))
    components.start(control_plane.etcd(layout))
    components.wait("etcd healthy", _etcd_healthy, "etcd")
    components.start(control_plane.api_server(layout))
    components.wait("containerd's socket", CONTAINERD_SOCKET.exists, "containerd")
    _import_images(layout, path)
    components.wait("the API server ready", lambda: _api_ready(api), "kube-apiserver")
    components.start(control_plane.controller_manager(layout))
    components.start(control_plane.scheduler(layout))
    components.start(node.kubelet(layout))
    components.start(node.kube_proxy(layout))
    components.start(node.enforcer(layout), "enforcer")
    concerned = ("kubelet", "containerd", "kube-proxy", "kube-controller-manager")
    components.wait("the node Ready", lambda: _node_ready(api), *concerned)
    components.wait("the filters of policies", node.policies_enforced, "enforcer")
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    components.wait("a service account", lambda: api.get(account) is not None, *concerned)


def run(layout: Layout, command: list[str]) -> int:
    """The command's exit code; 125 where the cluster did not come up."""
    path = f"{layout.bin}:{os.environ['PATH']}:/usr/sbin:/sbin"
    began = time.monotonic()
    try:
        start(layout, path)
    except (CannotStart, subprocess.CalledProcessError) as error:
        say(str(error))
        return 125
    say(f"the node is Ready after {time.monotonic() - began:.1f} s; logs are in {layout.logs}")
    environment = {
        **os.environ,
        "PATH": path,
        "KUBECONFIG": str(layout.kubeconfig("admin")),
        "CONTAINERD_ADDRESS": str(CONTAINERD_SOCKET),
        "CONTAINERD_NAMESPACE": "k8s.io",
        DATA_VARIABLE: str(layout.data),
    }
    return subprocess.run(command, env=environment, check=False).returncode


def main() -> int:
    """PID 1 only reaps: shims and whatever they leave become its children."""
    child = os.fork()
    if child == 0:
        os._exit(run(Layout(Path(sys.argv[1])), sys.argv[2:]))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _etcd_healthy() -> bool:
    try:
        with urllib.request.urlopen(f"{ETCD_URL}/health", timeout=2) as answer:
            return b"true" in answer.read()
    except OSError:
        return False


def _api_ready(api: Api) -> bool:
    try:
        return api.text("/readyz") == "ok"
    except ApiUnreachable:
        return False


def _node_ready(api: Api) -> bool:
    node = api.get(f"/api/v1/nodes/{NODE}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _import_images(layout: Layout, path: str) -> None:
    ctr = ["ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io"]
    command = [*ctr, "images", "import", "--local", str(layout.images)]
    log = layout.logs / "import.log"
    with log.open("wb") as output:
        environment = {**os.environ, "PATH": path}
        done = subprocess.run(
            command, env=environment, stdout=output, stderr=output, check=False
        ).returncode
    if done != 0:
        raise CannotStart(f"cannot import the images: {log.read_text(errors='replace')}")


if __name__ == "__main__":
    sys.exit(main())
