"""The files that upgrades fetch: good and bad versions of the Go server, and another nginx."""

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import versions
from tests.cluster.cache import cached, digest
from tests.cluster.images import debian
from tests.functional.launcher_process import go_server

NGINX_PATH = "usr/sbin/nginx"
BAD = ("exit", "silent", "down", "crash", "hog")


@dataclass(frozen=True)
class ArtifactFile:
    name: str
    file: Path

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


def all_artifacts() -> list[ArtifactFile]:
    good = [ArtifactFile(version, go_server(version)) for version in ("v2", "v4")]
    bad = [ArtifactFile(behaviour, go_server("v3", behaviour)) for behaviour in BAD]
    return [*good, *bad, ArtifactFile("nginx", _other_nginx())]


def artifact(name: str) -> ArtifactFile:
    return next(found for found in all_artifacts() if found.name == name)


def other_version(version: str) -> str:
    """Of the same length: it is written over the first one in the program's file."""
    head, _, last = version.rpartition(".")
    return f"{head}.{(int(last) + 1) % 10}"


def _other_nginx() -> Path:
    """Debian's own nginx that says another version: nothing else shows which file runs."""
    layer = debian.nginx()
    old = versions.NGINX.encode()
    new = other_version(versions.NGINX).encode()

    def build(target: Path) -> None:
        with tarfile.open(layer.file) as tar:
            member = tar.extractfile(f"./{NGINX_PATH}")
            if member is None:
                raise FileNotFoundError(f"cannot make another nginx: no {NGINX_PATH} in its layer")
            content = member.read()
        if old not in content:
            raise ValueError(f"cannot make another nginx: it is not {versions.NGINX}")
        (target / "nginx").write_bytes(content.replace(old, new))

    return cached("artifact-nginx", digest(layer.sha256, old, new), build) / "nginx"
