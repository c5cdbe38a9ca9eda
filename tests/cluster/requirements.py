"""Says what this machine lacks to run the cluster, before anything is built."""

import os
import shutil
import sys
from pathlib import Path

# Program -> the Debian package that has it.
PROGRAMS = {
    "go": "golang-go (or a newer Go)",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "ip": "iproute2",
    "mount": "mount",
    "nft": "nftables",
    "conntrack": "conntrack",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
FILES = {
    Path("/bin/busybox"): "busybox-static",
    Path("/usr/lib/cni/bridge"): "containernetworking-plugins",
}


class CannotStart(Exception):
    """The message says why, and what to do."""


def check() -> None:
    """Raises CannotStart."""
    if sys.platform != "linux":
        raise CannotStart("cannot start the cluster: it needs Linux")
    if os.geteuid() != 0:
        raise CannotStart("cannot start the cluster: it needs root, for namespaces and cgroups")
    missing = [(name, package) for name, package in PROGRAMS.items() if not shutil.which(name)]
    missing += [(str(path), package) for path, package in FILES.items() if not path.exists()]
    if missing:
        names = ", ".join(name for name, _ in missing)
        packages = " ".join(package for _, package in missing)
        raise CannotStart(
            f"cannot start the cluster: {names} not installed: apt-get install {packages}"
        )
