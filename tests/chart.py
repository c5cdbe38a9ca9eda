"""The chart as the real helm renders it; `python -m tests.chart FILE` writes the plain manifest."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.go_tools import binary

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts/hotupgrade"
NAMESPACE = "hotupgrade-system"
REGISTRY = "image.registry=registry.example.com"
HEAD = f"""# written by `make manifests` from charts/hotupgrade: change that
# The images are at registry.example.com here: put your registry in its place.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def render(
    *values: str,
    release: str = "hotupgrade",
    registry: str = REGISTRY,
    kubernetes: str = "",
) -> str:
    """What `helm template` prints. Raises CalledProcessError, its stderr says why."""
    command = [str(binary("helm")), "template", release, str(CHART), "--namespace", NAMESPACE]
    for value in (registry, *values):
        command += ["--set", value]
    if kubernetes:
        command += ["--kube-version", kubernetes]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def objects(*values: str, release: str = "hotupgrade") -> list[Object]:
    return [found for found in yaml.safe_load_all(render(*values, release=release)) if found]


def one(kind: str, rendered: list[Object]) -> Object:
    """The only object of that kind."""
    (found,) = (o for o in rendered if o["kind"] == kind)
    return found


def manifest() -> str:
    return HEAD + render()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(manifest())
