"""Builds Istio's control plane from its Go module, and takes the CRDs of that same version."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cache import cached, digest_of_files

MODULE = "istio.io/istio"
SOURCE = Path(__file__).parent / "istiod"
CRDS = Path("manifests/charts/base/files/crd-all.gen.yaml")


@dataclass(frozen=True)
class Istio:
    istiod: Path
    crds: Path


def build() -> Istio:
    """Where there is no network, as in the cluster, it must be in the cache by then."""
    key = digest_of_files(SOURCE / name for name in ("go.mod", "go.sum", "main.go"))
    folder = cached("istio", key, _istio)
    return Istio(folder / "istiod", folder / "crds.yaml")


def _istio(target: Path) -> None:
    command = ["nice", "go", "build", "-trimpath", "-ldflags", "-s -w"]
    subprocess.run([*command, "-o", str(target / "istiod"), "."], cwd=SOURCE, check=True)
    where = ["go", "list", "-m", "-f", "{{.Dir}}", MODULE]
    module = subprocess.run(where, cwd=SOURCE, check=True, capture_output=True, text=True)
    shutil.copyfile(Path(module.stdout.strip()) / CRDS, target / "crds.yaml")
