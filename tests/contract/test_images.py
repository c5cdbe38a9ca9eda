"""The Dockerfiles: non-root, and the agent's image has the libraries that the agent imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cluster import versions
from tests.cluster.images.python import AGENT_LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted(path.name for path in (ROOT / "deploy").glob("Dockerfile.*"))
# The distribution that brings a module, where its name is another.
DISTRIBUTIONS = {"prometheus_client": "prometheus-client"}


def text(dockerfile: str) -> str:
    return (ROOT / "deploy" / dockerfile).read_text()


def imported(folder: str) -> set[str]:
    """Top-level modules of others, imported anywhere in the package."""
    found = set()
    for path in (ROOT / folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return {name for name in found - sys.stdlib_module_names if not name.startswith("hotupgrade_")}


def test_there_is_one_for_each_image() -> None:
    assert DOCKERFILES == ["Dockerfile.agent", "Dockerfile.launcher", "Dockerfile.operator"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_runs_as_the_user_that_the_chart_and_injection_name(dockerfile: str) -> None:
    assert "USER 65532:65532" in text(dockerfile)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_every_base_is_pinned_by_a_tag(dockerfile: str) -> None:
    bases = re.findall(r"^FROM (?:--\S+ )?(\S+)", text(dockerfile), re.MULTILINE)
    assert bases
    for base in bases:
        assert base in ("scratch", "$LAUNCHER") or re.search(r":\d+\.\d+", base), base


@pytest.mark.parametrize("dockerfile", ["Dockerfile.agent", "Dockerfile.operator"])
def test_python_and_distribution_are_those_that_end_to_end_tests_run(dockerfile: str) -> None:
    bases = set(re.findall(r"^FROM (python:\S+)", text(dockerfile), re.MULTILINE))
    assert bases == {f"python:{versions.PYTHON}-slim-{versions.DEBIAN_SUITE}"}


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_only_what_the_build_context_holds_is_copied(dockerfile: str) -> None:
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    for line in re.findall(r"^COPY (?!--from)(.+)", text(dockerfile), re.MULTILINE):
        for source in line.split()[:-1]:
            assert source.partition("/")[0] in allowed, source
            assert (ROOT / source).exists(), source


def test_agents_image_has_what_the_agent_imports() -> None:
    listed = re.search(r"constraints\.txt \\\n\s+([a-z -]+)\n", text("Dockerfile.agent"))
    assert listed
    # The CRD is written when the project is built, not in a pod.
    needed = imported("sidecar/hotupgrade_agent") | imported("api/hotupgrade_api") - {"yaml"}
    assert set(listed[1].split()) == {DISTRIBUTIONS.get(name, name) for name in needed}
    assert set(listed[1].split()) == set(AGENT_LIBRARIES)  # as end-to-end tests build it


def test_agents_libraries_are_held_to_the_projects_versions() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=~!]", line)[0] for line in dependencies}
    listed = re.search(r"constraints\.txt \\\n\s+([a-z -]+)\n", text("Dockerfile.agent"))
    assert listed and set(listed[1].split()) <= names
