"""Builds the programs of the cluster: Kubernetes as one binary, containerd; helm is there."""

import os
import re
import subprocess
from pathlib import Path

from tests.cluster import istio, versions
from tests.cluster.cache import cached, digest, digest_of_files
from tests.go_tools import binary

KUBEBOX = Path(__file__).parent / "kubebox"
# kubebox looks at the name that it is called by.
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
CONTAINERD = "github.com/containerd/containerd/v2/cmd"
NO_SNAPSHOTTERS = "no_btrfs no_zfs no_devmapper"  # they need headers, and overlayfs is used
VERSION_PACKAGE = "k8s.io/component-base/version"


def build() -> list[Path]:
    """Every program of the node, by path; and what only tests start that ask for it, into the
    cache."""
    istio.build()
    kubebox_key = digest_of_files(KUBEBOX / name for name in ("go.mod", "go.sum", "main.go"))
    kubebox = cached("kubebox", kubebox_key, _kubebox)
    containerd = cached("containerd", digest(versions.CONTAINERD, NO_SNAPSHOTTERS), _containerd)
    return [file for folder in (kubebox, containerd) for file in sorted(folder.iterdir())]


def link(programs: list[Path], folder: Path) -> None:
    """Puts all of them into one folder for PATH."""
    folder.mkdir()
    for program in programs:
        (folder / program.name).symlink_to(program)
    (folder / "helm").symlink_to(binary("helm"))
    for name in COMPONENTS:
        (folder / name).symlink_to("kubebox")


def _go(verb: str, *rest: str, link: str = "", **variables: str) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", **variables}
    command = ["nice", "go", verb, "-trimpath", "-ldflags", f"-s -w {link}", *rest]
    subprocess.run(command, cwd=KUBEBOX, env=environment, check=True)


def _kubebox(target: Path) -> None:
    """Says its version, which `go build` does not set: helm and the chart ask for it."""
    found = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.\d+", (KUBEBOX / "go.mod").read_text())
    if found is None:
        raise ValueError("cannot build kubebox: go.mod does not require k8s.io/kubernetes")
    version = {
        "gitVersion": found.group().partition(" ")[2],
        "gitMajor": found.group(1),
        "gitMinor": found.group(2),
    }
    link = " ".join(f"-X {VERSION_PACKAGE}.{key}={value}" for key, value in version.items())
    _go("build", "-o", str(target / "kubebox"), ".", link=link)


def _containerd(target: Path) -> None:
    programs = ("containerd", "containerd-shim-runc-v2", "ctr")
    packages = [f"{CONTAINERD}/{name}@{versions.CONTAINERD}" for name in programs]
    _go("install", "-tags", NO_SNAPSHOTTERS, *packages, GOBIN=str(target))
