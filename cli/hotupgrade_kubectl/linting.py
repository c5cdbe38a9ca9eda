"""IO: the verb `lint`: manifests offline; with --cluster also what the cluster would meet, by
manifest or by the name of a HotUpgrade."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from hotupgrade_api.resource_status import PreflightFinding
from hotupgrade_kubectl import cluster_lint, preflight
from hotupgrade_kubectl.cluster_lint import Looked
from hotupgrade_kubectl.commands import show_json
from hotupgrade_kubectl.connection import Where, connect
from hotupgrade_kubectl.lint import report
from hotupgrade_kubectl.lint.document import Document, documents
from hotupgrade_kubectl.lint.finding import Finding, Severity
from hotupgrade_kubectl.lint.linter import hot_upgrades, lint

STDIN = "-"


class CannotLint(Exception):
    """A file cannot be read, or nothing in the files is to be checked."""


@dataclass(frozen=True)
class Manifests:
    """What the files hold: every object, and what is wrong with it."""

    found: Sequence[Document] = ()
    findings: Sequence[Finding] = ()

    @property
    def is_wrong(self) -> bool:
        return any(each.severity is Severity.ERROR for each in self.findings)


class ClusterReport(msgspec.Struct, frozen=True):
    """For programs. preflight: by namespace and name."""

    findings: Sequence[Finding]
    preflight: dict[str, Sequence[PreflightFinding]]


def run_offline(files: Sequence[str], as_json: bool, console: Console) -> int:
    """The exit code: 1 where there is an error. Raises CannotLint."""
    manifests = _read(files)
    if as_json:
        show_json(console, manifests.findings)
    else:
        _show(manifests, console)
    return 1 if manifests.is_wrong else 0


async def run_cluster(targets: Sequence[str], where: Where, as_json: bool, console: Console) -> int:
    """targets: files, and names of HotUpgrades. 1 where there is an error, or a hot upgrade is
    blocked. Raises CannotLint, CannotTell and what Cluster raises."""
    files = [target for target in targets if _is_file(target)]
    names = [target for target in targets if not _is_file(target)]
    manifests = _read(files) if files else Manifests()
    looked: list[Looked] = []
    api, namespace = await connect(where)
    async with api:
        for name in names:
            looked.append(await cluster_lint.by_name(api, namespace, name))
        for wanted in hot_upgrades(manifests.found):
            one = await cluster_lint.by_manifest(api, namespace, wanted, manifests.found)
            looked += [one] if one is not None else []
    if as_json:
        by_name = {each.name: each.findings for each in looked}
        show_json(console, ClusterReport(manifests.findings, by_name))
    else:
        if files:
            _show(manifests, console)
        for each in looked:
            for line in preflight.lines(each.findings):
                console.print(Text.assemble(f"{each.name}: ", line))
    blocked = any(preflight.is_blocked(each.findings) for each in looked)
    return 1 if blocked or manifests.is_wrong else 0


def _is_file(target: str) -> bool:
    """A path, or what would be one: a HotUpgrade's name has no slash, and no manifest's ending."""
    return (
        target == STDIN
        or "/" in target
        or target.endswith((".yaml", ".yml", ".json"))
        or Path(target).is_file()
    )


def _read(files: Sequence[str]) -> Manifests:
    found: list[Document] = []
    findings: list[Finding] = []
    for file in files:
        try:
            text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CannotLint(f"cannot read {file}: {error}") from error
        more, wrong = documents(file, text)
        found += more
        findings += wrong
    if not hot_upgrades(found) and not findings:
        raise CannotLint(f"cannot lint: no HotUpgrade is in {', '.join(files)}")
    return Manifests(found, [*findings, *lint(found)])


def _show(manifests: Manifests, console: Console) -> None:
    findings = list(manifests.findings)
    for line in report.lines(findings):
        console.print(line)
    console.print(report.summary(len(hot_upgrades(manifests.found)), findings))
