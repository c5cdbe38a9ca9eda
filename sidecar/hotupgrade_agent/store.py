"""The store volume: staged files by digest, revision records, `current`, the journal.

Everything appears by rename of a synced file: a kill at any moment leaves the old or the new.
"""

import os
import shutil
from pathlib import Path

import msgspec

from hotupgrade_agent.upgrade import Journal
from hotupgrade_api.resource import IMAGE_REVISION
from hotupgrade_api.store_records import BLOBS, CURRENT, LAUNCHER, REVISIONS, RevisionRecord

JOURNAL = "journal.json"
TRUST = "trust.pem"
OWNER = "owner"
KEPT_REVISIONS = 3


class Store:
    def __init__(self, root: Path, limit_bytes: int) -> None:
        """limit_bytes: of the volume. At most 80 % are used: a full emptyDir evicts the pod."""
        self.root = root
        self.limit_bytes = limit_bytes * 8 // 10
        for folder in (BLOBS, REVISIONS, "bin"):
            (root / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
        for partial in root.glob(f"{BLOBS}/*.partial"):
            partial.unlink(missing_ok=True)

    def used_bytes(self) -> int:
        return sum(f.stat().st_size for f in self.root.rglob("*") if f.is_file())

    def room_bytes(self) -> int:
        return max(0, self.limit_bytes - self.used_bytes())

    def partial(self, sha256: str) -> Path:
        """Where a fetch writes to."""
        return self.root / BLOBS / f"{sha256}.partial"

    def blob(self, sha256: str, name: str) -> Path:
        return self.root / BLOBS / sha256 / name

    def holds(self, sha256: str) -> bool:
        """Whether a staged file of that digest is there."""
        folder = self.root / BLOBS / sha256
        return folder.is_dir() and any(folder.iterdir())

    def admit(self, partial: Path, target: Path) -> None:
        """A verified, synced partial becomes the staged file."""
        target.parent.mkdir(mode=0o755, exist_ok=True)
        partial.chmod(0o555)
        partial.rename(target)
        _sync(target.parent)

    def write_revision(self, record: RevisionRecord) -> None:
        self._write(f"{REVISIONS}/{record.revision}.json", msgspec.json.encode(record))

    def revision(self, revision: str) -> RevisionRecord | None:
        raw = self._read(f"{REVISIONS}/{revision}.json")
        return None if raw is None else msgspec.json.decode(raw, type=RevisionRecord)

    def current(self) -> str:
        """The committed revision's id; `image` where none is."""
        try:
            return Path((self.root / CURRENT).readlink()).stem
        except FileNotFoundError:
            return IMAGE_REVISION

    def commit(self, revision: str) -> None:
        """Moves `current`. Idempotent."""
        link = self.root / CURRENT
        if revision == IMAGE_REVISION:
            link.unlink(missing_ok=True)
        elif self.current() != revision:
            temporary = self.root / f".{CURRENT}"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(f"{REVISIONS}/{revision}.json")
            temporary.rename(link)
        _sync(self.root)

    def prune(self, keep: set[str], newest: int = KEPT_REVISIONS) -> None:
        """Drops all revisions but these and the newest, and the files that no record names."""
        records = sorted(
            (self.root / REVISIONS).glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True
        )
        wanted = set()
        for index, path in enumerate(records):
            if index >= newest and path.stem not in keep:
                path.unlink()
            elif record := self.revision(path.stem):
                wanted.add(record.program.sha256)
        for folder in (self.root / BLOBS).iterdir():
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    def journal(self) -> Journal | None:
        raw = self._read(JOURNAL)
        return None if raw is None else msgspec.json.decode(raw, type=Journal)

    def write_journal(self, journal: Journal) -> None:
        self._write(JOURNAL, msgspec.json.encode(journal), mode=0o600)

    def trust(self) -> str | None:
        raw = self._read(TRUST)
        return None if raw is None else raw.decode()

    def write_trust(self, pem: str) -> None:
        self._write(TRUST, pem.encode())

    def owner(self) -> str | None:
        """The UID of the HotUpgrade that took this pod over after it was made."""
        raw = self._read(OWNER)
        return None if raw is None else raw.decode()

    def write_owner(self, hot_upgrade_uid: str) -> None:
        self._write(OWNER, hot_upgrade_uid.encode())

    def install_launcher(self, binary: Path) -> None:
        """Copies the launcher for the app's container."""
        temporary = self.root / f"{LAUNCHER}.partial"
        shutil.copyfile(binary, temporary)
        temporary.chmod(0o555)
        temporary.rename(self.root / LAUNCHER)

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, name: str, raw: bytes, mode: int = 0o644) -> None:
        path = self.root / name
        temporary = path.with_name(f".{path.name}")
        with temporary.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.rename(path)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
