"""Layers of Python: the project's dependencies, and the project itself."""

import compileall
import py_compile
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.cluster import versions
from tests.cluster.cache import cached, digest, digest_of_files
from tests.cluster.images.layer import Entry, Layer, layer_of, program, tree, write_layer
from tests.functional.launcher_process import ROOT, launcher_binary

TAR = "layer.tar"
PACKAGES = f"usr/local/lib/python{versions.PYTHON}/dist-packages"
LAUNCHER = "usr/local/bin/hotupgrade-launcher"
# Every pod pays for the agent's image: only what it imports, as in deploy/Dockerfile.agent.
AGENT_LIBRARIES = ("aiohttp", "cryptography", "msgspec", "prometheus-client")
OURS = {
    "operator": (Path("api/hotupgrade_api"), Path("operator/hotupgrade_operator")),
    "agent": (Path("api/hotupgrade_api"), Path("sidecar/hotupgrade_agent")),
}
SCRIPT = "#!/usr/bin/python3 -s\nimport sys\nfrom {module} import main\nsys.exit(main())\n"


def dependencies(part: str) -> Layer:
    """Of `operator` or `agent`, at pyproject.toml's versions, for the image's Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds: list[str] = project["dependencies"]
    wanted = AGENT_LIBRARIES if part == "agent" else bounds

    def build(target: Path) -> None:
        installed, constraints = target / "installed", target / "constraints.txt"
        constraints.write_text("\n".join(bounds))
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        chosen = ["--only-binary=:all:", "--python-version", versions.PYTHON, "--no-compile"]
        where = ["--root-user-action=ignore", "--target", str(installed)]
        command = [*pip, *chosen, *where, "--constraint", str(constraints), *wanted]
        subprocess.run(command, check=True, stdout=sys.stderr)
        _compile(installed)
        write_layer(target / TAR, tree(installed, PACKAGES))
        shutil.rmtree(installed)

    key = digest(versions.PYTHON, *bounds, *wanted)
    return layer_of(cached(f"layer-{part}-libraries", key, build) / TAR)


def ours(part: str) -> Layer:
    """`operator` or `agent`: its packages, console script, and for the agent the launcher."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module = scripts[f"hotupgrade-{part}"].partition(":")[0]
    script = Entry(f"usr/local/bin/hotupgrade-{part}", SCRIPT.format(module=module).encode(), 0o755)
    sources = [file for folder in OURS[part] for file in (ROOT / folder).rglob("*.py")]
    launcher = [launcher_binary()] if part == "agent" else []

    def build(target: Path) -> None:
        entries = [script]
        entries += [program(LAUNCHER, file) for file in launcher]
        with tempfile.TemporaryDirectory() as copied:
            for folder in OURS[part]:
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / folder, Path(copied) / folder.name, ignore=ignore)
            _compile(Path(copied))
            entries += tree(Path(copied), PACKAGES)
        write_layer(target / TAR, entries)

    key = digest(digest_of_files(sources), *(file.name for file in launcher), script.content)
    return layer_of(cached(f"layer-{part}", key, build) / TAR)


def _compile(folder: Path) -> None:
    """The root is read-only, so nothing is compiled later; the tar's dates say nothing."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, stripdir=str(folder), invalidation_mode=unchecked)
