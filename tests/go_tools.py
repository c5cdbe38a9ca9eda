"""Tools that are Go programs, at pinned versions: `python -m tests.go_tools NAME` prints the path.

The first call builds one into the user's cache (helm: a minute or two), outside of the
checkout.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotupgrade" / "tools"


@dataclass(frozen=True)
class GoTool:
    package: str
    version: str

    @property
    def name(self) -> str:
        return self.package.rpartition("/")[2]


TOOLS = {
    tool.name: tool
    for tool in (
        GoTool("helm.sh/helm/v4/cmd/helm", "v4.3.1"),
        GoTool("honnef.co/go/tools/cmd/staticcheck", "v0.8.2"),
    )
}


class CannotBuild(Exception):
    """There is no Go, or it fails; its own words are on stderr."""


def binary(name: str) -> Path:
    """The tool's binary. Raises CannotBuild."""
    tool = TOOLS[name]
    target = CACHE / f"{name}-{tool.version}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers ask at the same time; one builds
        if not target.exists():
            _build(tool, target)
    return target


def _build(tool: GoTool, target: Path) -> None:
    print(f"building {tool.name} {tool.version} once, into {target}", file=sys.stderr, flush=True)
    command = ["go", "install", "-trimpath", "-ldflags", "-s -w", f"{tool.package}@{tool.version}"]
    # Beside the target: the rename must not cross file systems.
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        try:
            subprocess.run(
                command, env={**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}, check=True
            )
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise CannotBuild(f"cannot build {tool.name}: {error}") from error
        (Path(folder) / tool.name).rename(target)


if __name__ == "__main__":
    try:
        print(binary(sys.argv[1]))
    except CannotBuild as failure:
        sys.exit(str(failure))
