"""The demo's story: v1 runs; v2 is applied; then a v3 that never becomes healthy is taken back."""

import asyncio
import base64
import hashlib
import json
import os
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from hotupgrade_api.resource import ANNOTATION_VERSION, LABEL_REVISION
from hotupgrade_demo import app
from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_demo.load import Load, request
from hotupgrade_demo.pods import NAMESPACE, DemoPod
from hotupgrade_operator.settings import PREFIX

PODS = 3
NAME = "web"
API_PORT, APP_PORT, ARTIFACT_PORT = 18001, 18080, 18002
AGENT_PORT, METRICS_PORT = 19440, 19442
DEADLINE_SECONDS = 45.0
Tell = Callable[[str], Awaitable[None]]


class DemoFailed(Exception):
    """What was promised did not come true."""


@dataclass
class Report:
    requests: int = 0
    failed: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    flip_ms: list[float] = field(default_factory=list)
    rollback_ms: list[float] = field(default_factory=list)
    reason: str = ""
    serving: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        every_pod = self.serving == ["v2"] * PODS
        return self.failed == 0 and self.requests > 0 and every_pod and bool(self.reason)


class Scenario:
    """Everything that runs; stop() ends all of it, and nothing else. settings: more of the
    operator's, without their prefix."""

    def __init__(
        self, folder: Path, launcher: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.api = ApiServer()
        self.kubeconfig = folder / "kubeconfig"
        self.report = Report()
        self._launcher = launcher
        self._settings = settings or {}
        self._uid = str(uuid.uuid4())
        self._artifacts: web.AppRunner | None = None
        self._operator: asyncio.subprocess.Process | None = None
        self.pods: list[DemoPod] = []
        self.load = Load([(f"127.0.0.{11 + n}", APP_PORT) for n in range(PODS)])

    async def run(self, tell: Tell) -> Report:
        await self.start(tell)
        self.load.start()
        await tell("applies v2")
        await self.apply("v2")
        await self.until("every pod runs v2", lambda: self.ready("True"))
        self.report.flip_ms = await self._measured("flipMs")
        await tell("applies v3, which never becomes healthy")
        await self.apply("v3")
        await self.until("v3 is taken back", lambda: self.ready("False", "ProbeFailed"))
        await self.until("all is settled", self._settled)
        self.report.rollback_ms = await self._measured("rollbackMs")
        self.report.reason = self.condition("Ready").get("message", "")
        await self.load.stop()
        self.report.requests, self.report.failed = self.load.requests, self.load.failed
        self.report.errors, self.report.versions = dict(self.load.errors), dict(self.load.versions)
        self.report.serving = [await request(p.address, p.app_port) for p in self.pods]
        return self.report

    async def stop(self) -> None:
        if self._operator is not None and self._operator.returncode is None:
            self._operator.terminate()
            await self._operator.wait()
        await asyncio.gather(*(pod.stop() for pod in self.pods))
        await self.api.stop()
        if self._artifacts is not None:
            await self._artifacts.cleanup()

    def condition(self, kind: str) -> dict[str, Any]:
        resource = self.api.get("hotupgrades", NAMESPACE, NAME) or {}
        conditions = resource.get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def summary(self) -> str:
        """Phase, pods that run the target, and the share of new connections that it gets."""
        status = (self.api.get("hotupgrades", NAMESPACE, NAME) or {}).get("status", {})
        if not status:
            return "is not seen yet"
        return (
            f"{status['phase']}: {status['updatedPods']} of {status['pods']} pods, "
            f"{status['weights']['update']} % to {status['updateVersion'] or 'the image'}"
        )

    def rows(self) -> list[tuple[str, str, str]]:
        """Each pod with the revision and version that the operator published."""
        found = sorted(self.api.all("pods"), key=lambda p: str(p["metadata"]["name"]))
        return [
            (
                p["metadata"]["name"],
                p["metadata"]["labels"].get(LABEL_REVISION, "?"),
                p["metadata"].get("annotations", {}).get(ANNOTATION_VERSION, ""),
            )
            for p in found
        ]

    async def start(self, tell: Tell) -> None:
        await tell("starts the API server, the artifact server and the operator")
        self.kubeconfig.write_text(KUBECONFIG.format(port=API_PORT))
        await self.api.start("127.0.0.1", API_PORT)
        await self._serve_artifacts()
        workload = {"metadata": {"name": NAME}, "spec": {"replicas": PODS}}
        await self.api.put(kind_of("deployments"), NAMESPACE, workload)
        await self.start_operator()
        await self.until("the operator made its CA", lambda: self._ca() != "")
        await tell(f"starts {PODS} pods")
        await asyncio.gather(*(self._start_pod(n) for n in range(PODS)))

    async def _serve_artifacts(self) -> None:
        async def artifact(incoming: web.Request) -> web.Response:
            return web.Response(text=artifact_text(incoming.match_info["version"]))

        server = web.Application()
        server.add_routes([web.get("/{version}", artifact)])
        self._artifacts = web.AppRunner(server, access_log=None)
        await self._artifacts.setup()
        await web.TCPSite(self._artifacts, "127.0.0.1", ARTIFACT_PORT).start()

    async def start_operator(self) -> None:
        env = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
        }
        settings = {
            "AGENT_PORT": str(AGENT_PORT),
            "BIND_ADDRESS": "127.0.0.1",
            "METRICS_PORT": str(METRICS_PORT),
            **self._settings,
        }
        env |= {f"{PREFIX}{name}": value for name, value in settings.items()}
        with (self.folder / "operator.log").open("ab") as log:
            self._operator = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hotupgrade_operator.main", env=env, stdout=log, stderr=log
            )

    async def kill_operator(self) -> None:
        """SIGKILL: what an upgrade must survive at any moment."""
        if self._operator is not None:
            self._operator.kill()
            await self._operator.wait()

    async def _start_pod(self, number: int) -> None:
        pod = DemoPod(
            name=f"{NAME}-{number}",
            uid=str(uuid.uuid4()),
            address=f"127.0.0.{11 + number}",
            app_port=APP_PORT,
            agent_port=AGENT_PORT,
            folder=self.folder / f"{NAME}-{number}",
            launcher=self._launcher,
            hot_upgrade=NAME,
            hot_upgrade_uid=self._uid,
            ca=self._ca(),
        )
        self.pods.append(pod)
        await pod.start()
        self.api.tokens[pod.token] = pod.uid
        await self.until(f"{pod.name} serves", lambda: accepts(pod.address, pod.app_port))
        await self.until(f"{pod.name}'s agent", lambda: accepts(pod.address, pod.agent_port))
        await self.api.put(kind_of("pods"), NAMESPACE, pod.resource())

    def _ca(self) -> str:
        secret = self.api.get("secrets", "hotupgrade-system", "hotupgrade-ca")
        return base64.b64decode(secret["data"]["bundle.crt"]).decode() if secret else ""

    async def apply(self, version: str) -> None:
        await self.put(hot_upgrade(version, self.pods))

    async def put(self, spec: dict[str, Any], annotations: Mapping[str, str] | None = None) -> None:
        before = self.api.get("hotupgrades", NAMESPACE, NAME) or {}
        known = {**before.get("metadata", {}), "name": NAME, "uid": self._uid}
        resource = {
            **before,
            "metadata": {**known, "annotations": dict(annotations or {})},
            "spec": spec,
        }
        await self.api.put(kind_of("hotupgrades"), NAMESPACE, resource)

    def ready(self, status: str, reason: str = "") -> bool:
        resource = self.api.get("hotupgrades", NAMESPACE, NAME) or {}
        found = self.condition("Ready")
        current = found.get("observedGeneration") == resource["metadata"]["generation"]
        return current and found["status"] == status and reason in ("", found["reason"])

    def _settled(self) -> bool:
        return self.condition("Reconciling").get("status") == "False"

    async def _measured(self, name: str) -> list[float]:
        """From each launcher's own status."""
        figures = []
        for pod in self.pods:
            process = await asyncio.create_subprocess_exec(
                *(self._launcher, "status", "--json", "--socket", pod.socket),
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await process.communicate()
            upgrade = json.loads(output).get("upgrade", {})
            if upgrade.get(name):
                figures.append(float(upgrade[name]))
        return figures

    async def until(self, what: str, check: Callable[[], Any]) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while True:
                    found = check()
                    if await found if asyncio.iscoroutine(found) else found:
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            ready = self.condition("Ready")
            raise DemoFailed(
                f"cannot go on: {what} did not happen in {DEADLINE_SECONDS:g} s ({ready}); "
                f"logs are in {self.folder}"
            ) from error


async def accepts(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


def artifact_text(version: str) -> str:
    return app.text(version, "DOWN" if version == "v3" else "UP")


def hot_upgrade(version: str, pods: list[DemoPod]) -> dict[str, Any]:
    """The spec that a user would apply. In a pod the word is one and the same everywhere."""
    return {
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        "artifact": {
            "version": version,
            "source": {"http": {"url": f"http://127.0.0.1:{ARTIFACT_PORT}/{version}"}},
            "sha256": hashlib.sha256(artifact_text(version).encode()).hexdigest(),
            "replaces": "server.py",
        },
        "handoff": {
            "readyTimeoutSeconds": 3,
            "rollbackWindowSeconds": 2,
            "drainSeconds": 5,
            "lameDuckSeconds": 1,
        },
        "health": {
            "httpGet": {"path": "/health", "port": APP_PORT},
            "expect": {"json": {"status": "UP"}},
            "periodSeconds": 0.5,
        },
        "strategy": {"maxConcurrent": 1},
    }


KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: demo, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: demo, user: {{token: demo}}}}]
contexts: [{{name: demo, context: {{cluster: demo, user: demo, namespace: default}}}}]
current-context: demo
"""
