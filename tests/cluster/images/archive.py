"""Writes every image into one archive in the OCI image layout, as `ctr images import` reads it;
github.com/opencontainers/image-spec/blob/main/image-layout.md."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.images.image import Image
from tests.cluster.images.layer import Layer

MEDIA = "application/vnd.oci.image"


def write(target: Path, images: Iterable[Image]) -> None:
    with tarfile.open(target, "w") as tar:
        archive = _Archive(tar)
        manifests = [archive.image(image) for image in images]
        index = {"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests}
        archive.add("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        archive.add("index.json", _json(index))


@dataclass
class _Archive:
    tar: tarfile.TarFile
    known: set[str] = field(default_factory=set)

    def add(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self.tar.addfile(info, io.BytesIO(content))

    def image(self, image: Image) -> dict[str, Any]:
        """Its descriptor in the index."""
        config = self._blob("config.v1+json", _json(_config(image)))
        layers = [self._layer(layer) for layer in image.layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}.manifest.v1+json",
            "config": config,
            "layers": layers,
        }
        descriptor = self._blob("manifest.v1+json", _json(manifest))
        return {**descriptor, "annotations": {"io.containerd.image.name": image.reference}}

    def _blob(self, kind: str, content: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 not in self.known:
            self.known.add(sha256)
            self.add(f"blobs/sha256/{sha256}", content)
        return _descriptor(kind, sha256, len(content))

    def _layer(self, layer: Layer) -> dict[str, Any]:
        if layer.sha256 not in self.known:
            self.known.add(layer.sha256)
            info = tarfile.TarInfo(f"blobs/sha256/{layer.sha256}")
            info.size = layer.size
            with layer.file.open("rb") as content:
                self.tar.addfile(info, content)
        return _descriptor("layer.v1.tar", layer.sha256, layer.size)


def _descriptor(kind: str, sha256: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"{MEDIA}.{kind}", "digest": f"sha256:{sha256}", "size": size}


def _config(image: Image) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "User": image.user,
            "Env": [f"{name}={value}" for name, value in image.environment.items()],
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{la.sha256}" for la in image.layers]},
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
