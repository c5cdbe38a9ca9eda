"""The node: its network, and configuration and command lines of containerd, kubelet, kube-proxy."""

import json
import subprocess
import sys
from pathlib import Path

from tests.cluster.enforcer.ruleset import TABLE
from tests.cluster.images.names import PAUSE
from tests.cluster.layout import (
    CONTAINERD_SOCKET,
    NODE,
    NODE_ADDRESS,
    NODE_POD_NETWORK,
    POD_NETWORK,
    Layout,
)

# What kubelet, CNI and containers write to fixed paths stays in this cluster's mount namespace.
PRIVATE = ("/run", "/var/lib", "/var/log")
NETWORK = (
    "ip link set lo up",
    "ip link add node type bridge",
    f"ip address add {NODE_ADDRESS}/32 dev node",
    "ip link set node up",
    "ip route add default dev node",
    "sysctl -qw net.ipv4.ip_forward=1",
    "sysctl -qw net.bridge.bridge-nf-call-iptables=1",  # filters see what pods of the bridge send
    f"hostname {NODE}",
)


def prepare() -> None:
    """In the cluster's own namespaces only: it covers /run and /var."""
    for folder in PRIVATE:
        subprocess.run(["mount", "-t", "tmpfs", "cluster", folder], check=True)
    for folder in ("/run/netns", "/run/lock", str(CONTAINERD_SOCKET.parent)):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for command in NETWORK:
        subprocess.run(command.split(), check=True)


def containerd(layout: Layout) -> list[str]:
    file = layout.data / "containerd.toml"
    file.write_text(_containerd_config(layout))
    folder = layout.data / "cni"
    folder.mkdir()
    (folder / "10-pods.conflist").write_text(json.dumps(_pod_network(layout)))
    return ["containerd", "--config", str(file)]


def kubelet(layout: Layout) -> list[str]:
    file = layout.data / "kubelet.json"
    file.write_text(json.dumps(_kubelet_config(layout)))
    return [
        "kubelet",
        f"--config={file}",
        f"--kubeconfig={layout.kubeconfig('kubelet')}",
        f"--root-dir={layout.data / 'kubelet'}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
    ]


def kube_proxy(layout: Layout) -> list[str]:
    return [
        "kube-proxy",
        "--proxy-mode=nftables",
        f"--cluster-cidr={POD_NETWORK}",
        f"--kubeconfig={layout.kubeconfig('kube-proxy')}",
        f"--hostname-override={NODE}",
        "--conntrack-max-per-core=0",  # the machine's own limit is not ours to change
    ]


def enforcer(layout: Layout) -> list[str]:
    """What a network plugin does beside connecting pods: NetworkPolicies."""
    return [sys.executable, "-m", "tests.cluster.enforcer", str(layout.kubeconfig("admin"))]


def policies_enforced() -> bool:
    """Whether its filters are there: before that, every connection passes."""
    command = ["nft", "list", "table", "inet", TABLE]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _containerd_config(layout: Layout) -> str:
    return f"""\
version = 3
root = "{layout.data / "containerd"}"
state = "/run/cluster/containerd"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "{layout.data / "cni"}"
"""


def _pod_network(layout: Layout) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.data / "cni-addresses"),
        "ranges": [[{"subnet": NODE_POD_NETWORK}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "hairpinMode": True,  # a pod may reach itself through its Service
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}


def _kubelet_config(layout: Layout) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": layout.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "0%"},  # disk and memory belong to the machine
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},  # a test that kills need not wait
        "imageGCHighThresholdPercent": 100,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDomain": "cluster.local",
        "resolvConf": "/etc/resolv.conf",
        "podLogsDir": str(layout.data / "pod-logs"),
    }
