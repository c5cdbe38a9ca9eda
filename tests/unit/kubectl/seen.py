"""HotUpgrades as the API server would answer them, for the plugin's tests."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from hotupgrade_api.resource import Artifact
from hotupgrade_api.revision import revision_of
from hotupgrade_kubectl.objects import HotUpgrade, Snapshot

Object = dict[str, Any]

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ARTIFACT: Object = {
    "version": "1.8.2",
    "source": {"http": {"url": "https://releases.example.com/web"}},
    "sha256": SHA256,
    "replaces": "/app/server",
}
NEW = revision_of(msgspec.convert(ARTIFACT, Artifact))
OLD = "0a1b2c3d4e5f6071"
GENERATION = 4


def hot_upgrade(status: Object | None = None, **spec: Any) -> HotUpgrade:
    """At rest at OLD, while the spec asks for NEW, where nothing else is said."""
    seen: Object = {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "generation": GENERATION,
            "creationTimestamp": "2025-12-30T12:00:00Z",
        },
        "spec": {
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "artifact": ARTIFACT,
            **spec,
        },
        "status": {
            "observedGeneration": GENERATION,
            "phase": "Upgrading",
            "stableRevision": OLD,
            "stableVersion": "1.8.1",
            "updateRevision": NEW,
            "updateVersion": "1.8.2",
            "pods": 3,
            "readyPods": 3,
            "history": [
                {"revision": OLD, "version": "1.8.1", "result": "Stable"},
                {"revision": NEW, "version": "1.8.2"},
            ],
            **(status or {}),
        },
    }
    return msgspec.convert(seen, HotUpgrade)


def stable(status: Object | None = None, **spec: Any) -> HotUpgrade:
    """The spec's revision is what every pod runs."""
    now = {
        "phase": "Stable",
        "stableRevision": NEW,
        "stableVersion": "1.8.2",
        "updatedPods": 3,
        "weights": {"stable": 0, "update": 100},
        "history": [
            {"revision": OLD, "version": "1.8.1", "result": "Stable"},
            {"revision": NEW, "version": "1.8.2", "result": "Stable"},
        ],
    }
    return hot_upgrade({**now, **(status or {})}, **spec)


def rejected(status: Object | None = None, **spec: Any) -> HotUpgrade:
    """The spec's revision was taken back."""
    now = {
        "phase": "Aborted",
        "updateRevision": OLD,
        "updateVersion": "1.8.1",
        "rejectedRevision": NEW,
        "rejectedGeneration": GENERATION,
    }
    return hot_upgrade({**now, **(status or {})}, **spec)


def snapshot(seen: HotUpgrade, pods: list[Object], events: list[Object]) -> Snapshot:
    raw = {"hotUpgrade": msgspec.to_builtins(seen), "pods": pods, "events": events}
    return msgspec.convert(raw, Snapshot)


def pod(name: str, revision: str, version: str = "", **status: Any) -> Object:
    """Ready, where nothing else is said."""
    conditions = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": {
            "name": name,
            "labels": {"hotupgrade.io/revision": revision},
            "annotations": {"hotupgrade.io/version": version},
        },
        "status": {"phase": "Running", "conditions": conditions, **status},
    }
