"""Layers that are a small Debian: what the Dockerfiles' base image is, and nginx on the same."""

import subprocess
import sys
from pathlib import Path

from tests.cluster import versions
from tests.cluster.cache import cached, digest
from tests.cluster.images.layer import Layer, layer_of

TAR = "layer.tar"
UNUSED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def base() -> Layer:
    """libstdc++6: the operator's CEL library needs it; in the Dockerfiles' base apt does, too."""
    return _layer("base", "python3", "ca-certificates", "libstdc++6")


def nginx() -> Layer:
    return _layer("nginx", "nginx-light")


def _layer(name: str, *packages: str) -> Layer:
    def build(target: Path) -> None:
        command = ["nice", "mmdebstrap", "--quiet", "--variant=essential"]
        command += [f"--dpkgopt=path-exclude={path}" for path in UNUSED]
        command += [f"--include={','.join(packages)}", versions.DEBIAN_SUITE, str(target / TAR)]
        subprocess.run(command, check=True, stdout=sys.stderr)

    key = digest(versions.DEBIAN_SUITE, *packages, *UNUSED)
    return layer_of(cached(f"layer-{name}", key, build) / TAR)
