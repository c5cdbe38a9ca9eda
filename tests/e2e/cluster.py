"""The cluster as a test sees it: objects in, objects out, and patience with a bound."""

import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

import yaml

from tests.cluster.api import Api, ApiUnreachable
from tests.cluster.layout import Layout

Object = dict[str, Any]
T = TypeVar("T")

POLL_SECONDS = 0.2
PATHS = {  # kind, in lower case -> its API path and plural
    "pod": ("/api/v1", "pods"),
    "service": ("/api/v1", "services"),
    "secret": ("/api/v1", "secrets"),
    "event": ("/api/v1", "events"),
    "deployment": ("/apis/apps/v1", "deployments"),
    "networkpolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "virtualservice": ("/apis/networking.istio.io/v1", "virtualservices"),
    "destinationrule": ("/apis/networking.istio.io/v1", "destinationrules"),
    "lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "hotupgrade": ("/apis/hotupgrade.io/v1alpha1", "hotupgrades"),
}


class Cluster:
    """Reads go to the API directly; what a user would type goes through kubectl."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._api = Api(layout.kubeconfig("admin"))

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"cannot kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: Object) -> str:
        return self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """None where there is none."""
        path, plural = PATHS[kind]
        found: Object | None = self._api.get(f"{path}/namespaces/{namespace}/{plural}/{name}")
        return found

    def everywhere(self, kind: str) -> list[Object]:
        """Those of every namespace."""
        path, plural = PATHS[kind]
        found = self._api.get(f"{path}/{plural}") or {}
        return list(found.get("items", []))

    def list(self, kind: str, namespace: str, selector: str = "") -> list[Object]:
        path, plural = PATHS[kind]
        query = f"?labelSelector={selector}" if selector else ""
        found = self._api.get(f"{path}/namespaces/{namespace}/{plural}{query}") or {}
        return list(found.get("items", []))


def until(
    what: str,
    check: Callable[[], T | None],
    seconds: float = 60.0,
    explain: Callable[[], str] = str,
) -> T:
    """Polls until check() is true and returns that; fails with `what` and explain()."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = check()
        except ApiUnreachable:
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(
                f"cannot go on: {what} did not happen in {seconds:g} s\n{explain()}"
            )
        time.sleep(POLL_SECONDS)
