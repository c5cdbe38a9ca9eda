"""A client in a pod of its own: a new connection for each request, through the Service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.cluster.images import names
from tests.e2e import manifests
from tests.e2e.namespace import Namespace
from tests.e2e.node import processes_of

MOST_SECONDS = 600


@dataclass(frozen=True)
class Report:
    requests: int
    failed: int
    errors: Mapping[str, int]
    versions: Mapping[str, int]
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.failed} failed {dict(self.errors) or ''}, "
            f"{dict(self.versions)}, {self.per_second:.0f}/s, p50 {self.p50_ms:.1f} ms, "
            f"p99 {self.p99_ms:.1f} ms, most {self.max_ms:.0f} ms"
        )


class Load:
    """Runs from construction to stop(), which gives the report."""

    def __init__(
        self,
        namespace: Namespace,
        service: str,
        rate: int = 400,
        at_least: int = 0,
        url: str = "",
    ) -> None:
        """url: what is asked where it is not the Service itself."""
        self._namespace = namespace
        self._name = f"load-{service}"
        url = url or f"http://{namespace.service_address(service)}/"
        options = ["-url", url, "-rate", str(rate), "-concurrency", "8", "-at-least", str(at_least)]
        options += ["-duration", f"{MOST_SECONDS}s"]
        pod = manifests.single_pod(self._name, names.LOAD, options, "Never")
        namespace.apply(pod)
        namespace.until("the load runs", lambda: self._phase() == "Running")
        self._uid = namespace.pod(self._name).uid

    def stop(self) -> Report:
        """SIGTERM to the client itself: deleting its pod would delete the report."""
        for process in processes_of(self._uid, "/load"):
            process.terminate()
        self._namespace.until("the load ends", lambda: self._phase() == "Succeeded")
        raw = json.loads(self._namespace.kubectl("logs", self._name))
        self._namespace.kubectl("delete", "pod", self._name, "--now", "--wait=true")
        report = Report(
            requests=raw["requests"],
            failed=raw["failed"],
            errors=raw["errors"],
            versions=raw["versions"],
            per_second=raw["per_s"],
            p50_ms=raw["p50_ms"],
            p99_ms=raw["p99_ms"],
            max_ms=raw["max_ms"],
        )
        print(f"\n{self._namespace.name}, {self._name}: {report}")
        return report

    def _phase(self) -> str:
        return self._namespace.pod(self._name).phase
