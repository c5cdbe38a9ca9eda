"""Pure: every HotUpgrade of some manifests, by the rules of the API server, then the operator's.

In the cluster's order: what has the wrong structure meets no CEL rule, and what breaks one meets no
operator.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hotupgrade_api import crd
from hotupgrade_api.resource import API_VERSION, GROUP, KIND, HotUpgradeSpec
from hotupgrade_kubectl.lint import pods, rules, structure
from hotupgrade_kubectl.lint.document import Document
from hotupgrade_kubectl.lint.finding import Finding, Path
from hotupgrade_operator.validation import invalid, not_implemented, unreadable

SCHEMA: dict[str, Any] = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"


def hot_upgrades(found: Sequence[Document]) -> list[Document]:
    """Of any version: one that the cluster does not serve is a finding."""
    return [d for d in found if d.kind == KIND and d.api_version.partition("/")[0] == GROUP]


def lint(found: Sequence[Document]) -> list[Finding]:
    findings: list[Finding] = []
    for each in hot_upgrades(found):
        findings += _one(each, found)
    return findings


def _one(document: Document, rest: Sequence[Document]) -> list[Finding]:
    if document.api_version != f"{GROUP}/{API_VERSION}":
        message = f"{document.api_version} is not served"
        return [document.finding(("apiVersion",), message, f"{GROUP}/{API_VERSION}")]
    findings = _name(document)
    findings += [document.finding(*wrong) for wrong in structure.wrong(document.value, SCHEMA)]
    if not findings:
        findings = [document.finding(*broken) for broken in rules.broken(document.value, SCHEMA)]
    if findings:
        return findings
    try:
        spec = msgspec.convert(document.value["spec"], HotUpgradeSpec)
    except msgspec.ValidationError as error:
        return [document.finding(("spec",), unreadable(error))]
    return [*_operators(document, spec), *pods.checked(document, spec, rest)]


def _name(document: Document) -> list[Finding]:
    if re.fullmatch(SUBDOMAIN, document.name):
        return []
    what = f"{document.name!r} is no name" if document.name else "is missing"
    remedy = "lower case letters, digits, - and ., such as web-1"
    return [document.finding(("metadata", "name"), what, remedy)]


def _operators(document: Document, spec: HotUpgradeSpec) -> list[Finding]:
    """What ends in Ready: False."""
    message = "is not implemented yet"
    findings = [
        document.finding(tuple(field.split(".")), message, "leave it out")
        for field in not_implemented(spec)
    ]
    if why := invalid(spec):
        findings.append(document.finding(*_parted(why)))
    return findings


def _parted(why: str) -> tuple[Path, str]:
    """The field that the operator's message begins with, and the rest of it."""
    found = re.match(r"(spec(?:\.\w+|\[\d+\])*):? ", why)
    if found is None:
        return ("spec",), why
    parts = re.findall(r"\w+", found[1])
    return tuple(int(p) if p.isdigit() else p for p in parts), why[found.end() :]
