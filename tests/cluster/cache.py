"""Builds once and keeps: a folder for each thing and key, and a word on the terminal meanwhile."""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

UNUSED_SECONDS = 24 * 3600.0
ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotupgrade" / "cluster"


def say(text: str) -> None:
    """To stderr: stdout belongs to the command that is run in the cluster."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def digest(*parts: str | bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "big") + raw)
    return total.hexdigest()[:16]


def digest_of_files(files: Iterable[Path]) -> str:
    """By name and content."""
    found = sorted(files)
    return digest(*(part for file in found for part in (file.name, file.read_bytes())))


def cached(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder that build() filled, now or at an earlier time with the same key."""
    target = ROOT / f"{name}-{key}"
    if target.is_dir():
        target.touch()  # in use
        return target
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another cluster may be building the same
        if target.is_dir():
            return target
        partial = ROOT / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        say(f"builds {name}; it is kept for the next time")
        began = time.monotonic()
        build(partial)
        partial.rename(target)
        say(f"built {name} in {time.monotonic() - began:.0f} s")
        _forget_others(name, target)
    return target


def _forget_others(name: str, keep: Path) -> None:
    """What nobody used for a while: other checkouts, with other sources, may run at this moment."""
    oldest = time.time() - UNUSED_SECONDS
    for old in ROOT.glob(f"{name}-{'[0-9a-f]' * 16}"):
        if old != keep and old.stat().st_mtime < oldest:
            shutil.rmtree(old, ignore_errors=True)
