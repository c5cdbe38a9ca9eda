"""`kubectl hotupgrade lint` says without a cluster what the real API server says."""

import copy
import json
import subprocess
from typing import Any

from hotupgrade_kubectl.lint.document import documents
from hotupgrade_kubectl.lint.finding import Severity
from hotupgrade_kubectl.lint.linter import lint
from tests.e2e import manifests
from tests.e2e.cluster import Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace

ARTIFACT: Object = {
    "version": "1.8.2",
    "source": {"http": {"url": "https://releases.example.com/web"}},
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
RIGHT: list[tuple[str, Any]] = [
    ("spec.paused", False),
    ("spec.strategy.maxConcurrent", 3),
    ("spec.strategy.maxConcurrent", "100%"),
    ("spec.strategy.steps", [{"setPods": 1}, {"setWeight": 10}, {"pause": {}}]),
    ("spec.health.expect.json", {"status": "UP", "ready": True, "level": 1.5}),
    ("spec.health.periodSeconds", 0.5),
    ("metadata.labels", {"a": "b"}),
]
WRONG: list[tuple[str, Any]] = [
    ("spec.strateggy", {}),
    ("spec.handoff.stopsignal", "SIGQUIT"),
    ("spec.workloadRef.name", ""),
    ("spec.workloadRef", {"kind": "Deployment"}),
    ("spec.artifact.version", 1.8),
    ("spec.artifact.version", "v" * 129),
    ("spec.artifact.sha256", "abc"),
    ("spec.artifact.sizeLimitBytes", "12"),
    ("spec.artifact.sizeLimitBytes", 0),
    ("spec.artifact.source", {}),
    ("spec.artifact.source.s3", {"endpoint": "a", "bucket": "b", "key": "c"}),
    ("spec.artifact.signature", {"cosign": {"key": "k"}}),
    ("spec.handoff.mode", "transparent"),
    ("spec.handoff.drainSeconds", 86401),
    ("spec.health.periodSeconds", 0),
    ("spec.health.tcpSocket", {"port": 1}),
    ("spec.strategy.maxConcurrent", "200%"),
    ("spec.strategy.maxConcurrent", 1.5),
    ("spec.strategy.steps", [{}]),
    ("spec.strategy.steps", [{"setPods": 1, "pause": {}}]),
    ("spec.strategy.steps", [{"setWeight": 101}]),
    ("spec.networkPolicy.egress", [{"ports": [{"port": 1}]}]),
    ("spec.command", "/app/server"),
    ("spec.paused", "yes"),
    ("metadata.name", "Web_1"),
    ("metadata.name", "x" * 64),
]


def changed(path: str, value: Any) -> Object:
    whole = copy.deepcopy(manifests.hot_upgrade("web", GO, Options(), ARTIFACT))
    *way, last = path.split(".")
    place = whole
    for part in way:
        place = place.setdefault(part, {})
    place[last] = value
    return whole


def refused(namespace: Namespace, manifest: Object) -> str:
    """Why the API server does not take it; empty where it does."""
    done = subprocess.run(
        ["kubectl", "--namespace", namespace.name, "apply", "--dry-run=server", "-f", "-"],
        input=json.dumps(manifest),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def errors(manifest: Object) -> list[str]:
    found, unreadable = documents("web.json", json.dumps(manifest))
    findings = [*unreadable, *lint(found)]
    return [f"{f.path}: {f.message}" for f in findings if f.severity is Severity.ERROR]


def test_what_the_api_server_takes_has_no_error(namespace: Namespace) -> None:
    for path, value in RIGHT:
        manifest = changed(path, value)
        assert (refused(namespace, manifest), errors(manifest)) == ("", []), (path, value)


def test_what_the_api_server_refuses_has_one(namespace: Namespace) -> None:
    disagree = {}
    for path, value in WRONG:
        manifest = changed(path, value)
        why, found = refused(namespace, manifest), errors(manifest)
        if not why or not found:
            disagree[path] = (value, why, found)
    assert not disagree
