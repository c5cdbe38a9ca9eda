"""What the store keeps, and what it lets go."""

import os
from pathlib import Path

import pytest

from hotupgrade_agent.store import KEPT_REVISIONS, Store
from hotupgrade_api.launcher_messages import Program
from hotupgrade_api.store_records import BLOBS, REVISIONS, RevisionRecord


def stage(store: Store, number: int) -> None:
    """The revision r<number>, older the smaller its number is."""
    sha256 = f"{number:064}"
    partial = store.partial(sha256)
    partial.write_bytes(b"program")
    store.admit(partial, store.blob(sha256, "program"))
    program = Program(file=f"{BLOBS}/{sha256}/program", sha256=sha256)
    store.write_revision(RevisionRecord(revision=f"r{number}", program=program))
    os.utime(store.root / REVISIONS / f"r{number}.json", (number, number))


def kept(store: Store) -> tuple[set[str], set[int]]:
    records = {path.stem for path in (store.root / REVISIONS).iterdir()}
    return records, {int(path.name) for path in (store.root / BLOBS).iterdir()}


@pytest.mark.parametrize(
    ("keep", "newest", "left"),
    [
        (set(), KEPT_REVISIONS, {3, 4, 5}),
        ({"r1", "image"}, KEPT_REVISIONS, {1, 3, 4, 5}),
        ({"r1", "r2"}, 0, {1, 2}),
        ({"image"}, 0, set()),
    ],
)
def test_what_is_needed_is_kept_whatever_its_age(
    keep: set[str], newest: int, left: set[int], tmp_path: Path
) -> None:
    store = Store(tmp_path, 1 << 20)
    for number in (1, 2, 3, 4, 5):
        stage(store, number)
    store.prune(keep, newest)
    assert kept(store) == ({f"r{number}" for number in left}, left)
