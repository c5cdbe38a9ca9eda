"""What people look up in docs is there: every reason that a status can show, and every link."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from hotupgrade_api.agent_messages import FailureReason
from hotupgrade_api.resource_status import Phase
from hotupgrade_operator import preflight, template_findings
from hotupgrade_operator.observation import Standing
from hotupgrade_operator.validation import not_implemented

ROOT = Path(__file__).resolve().parents[2]
TROUBLESHOOT = (ROOT / "docs/how-to/troubleshoot.md").read_text()
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], key=lambda path: str(path.relative_to(ROOT))
)
TRUTHS = {"True", "False", "Unknown"}
# Where conditions get their reasons: as facts, and as the plan's refusals.
MODULES = [
    path
    for path in sorted(ROOT.glob("operator/hotupgrade_operator/*.py"))
    if "Fact(" in path.read_text() or path.stem == "plan"
]


def words_of(module: Path) -> set[str]:
    """The CamelCase strings of a module: condition types and reasons."""
    tree = ast.parse(module.read_text())
    strings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in strings if re.fullmatch(r"([A-Z][a-z]+)+", text)} - TRUTHS


@pytest.mark.parametrize("reason", [r.value for r in FailureReason])
def test_every_failure_reason_is_explained(reason: str) -> None:
    assert f"| `{reason}` |" in TROUBLESHOOT


@pytest.mark.parametrize("standing", [s.value for s in Standing])
def test_every_standing_of_a_pod_is_explained(standing: str) -> None:
    assert f"| `{standing}` |" in TROUBLESHOOT


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_condition_and_reason_of_the_operator_is_explained(module: Path) -> None:
    assert not {word for word in words_of(module) if f"`{word}`" not in TROUBLESHOOT}


CHECKS = (
    *(preflight.CAPABLE, preflight.MEMORY, preflight.DISK, preflight.NETWORK),
    *(preflight.ROUTES, preflight.DARK_PROBE, template_findings.PROBES, template_findings.HOOKS),
    *(template_findings.VOLUMES, template_findings.PORTS),
)


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_of_preflight_is_explained(check: str) -> None:
    assert f"| `{check}` |" in TROUBLESHOOT


def test_every_field_that_is_refused_for_now_is_listed() -> None:
    tree = ast.parse(inspect.getsource(not_implemented))
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    refused = {text for text in strings if isinstance(text, str) and text.startswith("spec.")}
    rows = re.findall(r"^\| `spec.*?\|", (ROOT / "docs/limits.md").read_text(), re.MULTILINE)
    assert refused == {field for row in rows for field in re.findall(r"`(.+?)`", row)}


def test_every_phase_is_explained() -> None:
    assert not [phase for phase in Phase if f"`{phase.value}`" not in TROUBLESHOOT]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text())
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
