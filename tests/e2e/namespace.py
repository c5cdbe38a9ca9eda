"""One test's namespace: what is in it, and the whole story of it when a wait is over in vain."""

import json
import subprocess
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hotupgrade_api.pod_layout import AGENT_CONTAINER
from hotupgrade_api.resource_status import Condition, HotUpgradeStatus
from tests.e2e.cluster import Cluster, Object, until
from tests.e2e.pod import Pod

T = TypeVar("T")

OPERATOR_NAMESPACE = "hotupgrade-system"
OPERATOR_SELECTOR = "app.kubernetes.io/component=operator"
LOG_LINES = "40"


class Namespace:
    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def apply(self, *objects: Object) -> None:
        placed = [{**o, "metadata": {**o["metadata"], "namespace": self.name}} for o in objects]
        self.cluster.apply(*placed)

    def refusal(self, manifest: Object, *options: str) -> str:
        """Why the API server does not take it; empty where it does. Nothing is changed."""
        command = ["kubectl", "--namespace", self.name, "apply", "--dry-run=server", "-f", "-"]
        done = subprocess.run(
            [*command, *options],
            input=json.dumps(manifest),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr if done.returncode else ""

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl("--namespace", self.name, *arguments)

    def pods(self, app: str) -> list[Pod]:
        """Without those that are on their way out; by name."""
        found = [Pod.of(raw) for raw in self.cluster.list("pod", self.name, f"app={app}")]
        return sorted((p for p in found if not p.terminating), key=lambda p: p.name)

    def pod(self, name: str) -> Pod:
        raw = self.cluster.get("pod", self.name, name)
        assert raw is not None, f"cannot find pod {name}"
        return Pod.of(raw)

    def status(self, name: str) -> HotUpgradeStatus:
        """Of the HotUpgrade."""
        raw = self.cluster.get("hotupgrade", self.name, name) or {}
        return msgspec.convert(raw.get("status") or {}, HotUpgradeStatus)

    def generation(self, name: str) -> int:
        raw = self.cluster.get("hotupgrade", self.name, name) or {}
        return int(raw.get("metadata", {}).get("generation", 0))

    def condition(self, name: str, kind: str) -> Condition | None:
        """None where the operator has not seen the spec as it is now."""
        found = next((c for c in self.status(name).conditions if c.type == kind), None)
        current = found is not None and found.observed_generation == self.generation(name)
        return found if current else None

    def events(self, name: str) -> list[tuple[str, str]]:
        """Reason and message of those on the HotUpgrade."""
        return [
            (event["reason"], event["message"])
            for event in self.cluster.list("event", self.name)
            if event["involvedObject"]["name"] == name
        ]

    def service_address(self, name: str) -> str:
        service = self.cluster.get("service", self.name, name)
        assert service is not None, f"cannot find Service {name}"
        return str(service["spec"]["clusterIP"])

    def until(self, what: str, check: Callable[[], T | None], seconds: float = 60.0) -> T:
        return until(what, check, seconds, self.story)

    def story(self) -> str:
        parts = [
            json.dumps(raw.get("status"), indent=1)
            for raw in self.cluster.list("hotupgrade", self.name)
        ]
        parts.append(self._quietly("get", "pods,events", "--output=wide"))
        for raw in self.cluster.list("pod", self.name):
            pod = Pod.of(raw)
            if AGENT_CONTAINER in pod.containers:
                options = (pod.name, "--all-containers", "--prefix", f"--tail={LOG_LINES}")
                parts.append(self._quietly("logs", *options))
        parts.append(self._quietly(*self._operator_logs()))
        return "\n---\n".join(parts)

    @staticmethod
    def _operator_logs() -> tuple[str, ...]:
        where = ("--namespace", OPERATOR_NAMESPACE, "--selector", OPERATOR_SELECTOR)
        return ("logs", *where, "--prefix", f"--tail={LOG_LINES}")

    def _quietly(self, *arguments: str) -> str:
        """A story that is cut short is better than none."""
        try:
            return self.kubectl(*arguments)
        except AssertionError as error:
            return str(error)
