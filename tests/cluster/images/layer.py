"""One layer of an image: an uncompressed tar, the same bytes for the same content."""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PARENTS = 0o755


@dataclass(frozen=True)
class Entry:
    """A file, or a symlink where `link` is set. path: in the image, without a leading slash."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True)
class Layer:
    file: Path
    sha256: str
    size: int


def layer_of(file: Path) -> Layer:
    """Of a tar that is there already."""
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return Layer(file, sha256, file.stat().st_size)


def program(path: str, file: Path) -> Entry:
    return Entry(path, file.read_bytes(), 0o755)


def tree(folder: Path, below: str) -> list[Entry]:
    """Every file of a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [
        Entry(f"{below}/{p.relative_to(folder)}", p.read_bytes(), p.stat().st_mode & 0o755)
        for p in files
    ]


def write_layer(target: Path, entries: Iterable[Entry], folders: Iterable[str] = ()) -> None:
    """All of it owned by root and dated 1970. folders: empty ones, writable by all (as /tmp)."""
    known: set[str] = set()
    with tarfile.open(target, "w") as tar:
        for folder in folders:
            _add_parents(tar, folder, known)
            _add(tar, folder, tarfile.DIRTYPE, 0o1777)
            known.add(folder)
        for entry in entries:
            _add_parents(tar, entry.path, known)
            if entry.link:
                _add(tar, entry.path, tarfile.SYMTYPE, 0o777, link=entry.link)
            else:
                _add(tar, entry.path, tarfile.REGTYPE, entry.mode, entry.content)


def _add_parents(tar: tarfile.TarFile, path: str, known: set[str]) -> None:
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        parent = "/".join(parts[:depth])
        if parent not in known:
            known.add(parent)
            _add(tar, parent, tarfile.DIRTYPE, PARENTS)


def _add(
    tar: tarfile.TarFile, path: str, kind: bytes, mode: int, content: bytes = b"", link: str = ""
) -> None:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.size, info.linkname = kind, mode, len(content), link
    tar.addfile(info, io.BytesIO(content))
