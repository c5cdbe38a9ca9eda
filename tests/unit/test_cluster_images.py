"""Images that are made without a container engine."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from tests.cluster.images.archive import write
from tests.cluster.images.artifacts import other_version
from tests.cluster.images.image import Image
from tests.cluster.images.layer import Entry, layer_of, write_layer

FILES = [Entry("app/server", b"program", 0o755), Entry("bin/sh", link="busybox")]


def test_same_content_is_the_same_layer(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_layer(tmp_path / name, FILES, folders=("tmp",))
    assert layer_of(tmp_path / "one").sha256 == layer_of(tmp_path / "two").sha256


def test_layer_has_every_folder_before_what_is_in_it(tmp_path: Path) -> None:
    write_layer(tmp_path / "layer", FILES, folders=("tmp",))
    with tarfile.open(tmp_path / "layer") as tar:
        found = {member.name: member for member in tar}
    assert list(found) == ["tmp", "app", "app/server", "bin", "bin/sh"]
    assert (found["tmp"].mode, found["app/server"].mode) == (0o1777, 0o755)
    assert {member.uid for member in found.values()} == {0}


def test_archive_names_each_image_and_holds_a_shared_layer_once(tmp_path: Path) -> None:
    write_layer(tmp_path / "layer", FILES)
    layer = layer_of(tmp_path / "layer")
    images = [Image(f"localhost/{name}:1", (layer,), (f"/{name}",)) for name in ("one", "two")]
    write(tmp_path / "archive", images)
    with tarfile.open(tmp_path / "archive") as tar:
        names = tar.getnames()
        blobs = {name: _read(tar, name) for name in names}
    index = json.loads(blobs["index.json"])
    annotations = [found["annotations"] for found in index["manifests"]]
    assert [a["io.containerd.image.name"] for a in annotations] == [i.reference for i in images]
    assert names.count(f"blobs/sha256/{layer.sha256}") == 1
    for name, content in blobs.items():
        if name.startswith("blobs/"):
            assert name.endswith(hashlib.sha256(content).hexdigest())


def test_other_version_fits_where_the_first_one_was() -> None:
    assert other_version("1.22.1") == "1.22.2"
    assert other_version("1.22.9") == "1.22.0"


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    return (tar.extractfile(name) or io.BytesIO()).read()
