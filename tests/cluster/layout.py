"""Where everything of one cluster lies, and the addresses that it uses in its own network."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

NODE = "node1"
NODE_ADDRESS = "172.31.255.1"
POD_NETWORK = "10.244.0.0/16"
NODE_POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
API_PORT = 6443
API_SERVICE_ADDRESS = str(ipaddress.ip_network(SERVICE_NETWORK)[1])
ETCD_URL = "http://127.0.0.1:2379"
ETCD_PEER_URL = "http://127.0.0.1:2380"
DATA_VARIABLE = "HOTUPGRADE_CLUSTER"  # in the command's environment: the data directory
CONTAINERD_SOCKET = Path("/run/cluster/containerd.sock")  # /run is the cluster's own


@dataclass(frozen=True)
class Layout:
    """One cluster's data directory; it goes when the cluster ends."""

    data: Path

    @property
    def identity(self) -> str:
        return self.data.name

    @property
    def cgroup(self) -> str:
        """Below the root of each hierarchy: two clusters do not meet."""
        return f"/hotupgrade-{self.identity}"

    @property
    def bin(self) -> Path:
        return self.data / "bin"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def pki(self) -> Path:
        return self.data / "pki"

    @property
    def audit_log(self) -> Path:
        """JSON lines: every write to the API and every look at a HotUpgrade, and whose."""
        return self.logs / "audit.log"

    def pod_volumes(self, pod_uid: str) -> Path:
        """Where the kubelet keeps the pod's emptyDir volumes, by name."""
        return self.data / "kubelet/pods" / pod_uid / "volumes/kubernetes.io~empty-dir"

    @property
    def images(self) -> Path:
        return self.data / "images.tar"

    def kubeconfig(self, user: str) -> Path:
        return self.data / f"{user}.kubeconfig"
