"""What the real API server takes, `kubectl hotupgrade lint` takes without a cluster.

What it refuses is in tests/wrong_input.py, which both are held against.
"""

import json
from typing import Any

from hotupgrade_kubectl.lint.document import documents
from hotupgrade_kubectl.lint.finding import Severity
from hotupgrade_kubectl.lint.linter import lint
from tests.e2e import manifests
from tests.e2e.cluster import Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.wrong_input import changed

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


def errors(manifest: Object) -> list[str]:
    found, unreadable = documents("web.json", json.dumps(manifest))
    findings = [*unreadable, *lint(found)]
    return [f"{f.path}: {f.message}" for f in findings if f.severity is Severity.ERROR]


def test_what_the_api_server_takes_has_no_error(namespace: Namespace) -> None:
    right = manifests.hot_upgrade("web", GO, Options(), ARTIFACT)
    for path, value in RIGHT:
        manifest = changed(right, {path: value})
        assert (namespace.refusal(manifest), errors(manifest)) == ("", []), (path, value)
