"""The demo's kubelet: a pod is a launcher with its server and a supervised agent."""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.resource import LABEL_NAME
from hotupgrade_demo import app

IMAGE = "demo/web:1"
NAMESPACE = "default"


@dataclass
class DemoPod:
    name: str
    uid: str
    address: str
    app_port: int
    agent_port: int
    folder: Path
    launcher: Path
    hot_upgrade: str
    hot_upgrade_uid: str
    ca: str
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def token(self) -> str:
        return f"token-of-{self.uid}"

    @property
    def socket(self) -> Path:
        return self.folder / "launcher.sock"

    def command(self) -> list[str]:
        return [sys.executable, "server.py", self.address, str(self.app_port)]

    async def start(self) -> None:
        store = self.folder / "store"
        store.mkdir(parents=True)
        (self.folder / "server.py").write_text(app.text("v1"))
        (self.folder / "token").write_text(self.token)
        common = {
            **os.environ,
            layout.ENV_STORE: str(store),
            layout.ENV_SOCKET: str(self.socket),
        }
        await self._run("app", {**common, layout.ENV_IMAGE: IMAGE}, "run", "--", *self.command())
        agent = {
            layout.ENV_POD_NAME: self.name,
            layout.ENV_POD_NAMESPACE: NAMESPACE,
            layout.ENV_POD_UID: self.uid,
            layout.ENV_HOT_UPGRADE_UID: self.hot_upgrade_uid,
            layout.ENV_BIND_ADDRESS: self.address,
            layout.ENV_AGENT_PORT: str(self.agent_port),
            layout.ENV_METRICS_PORT: str(self.agent_port + 1),
            layout.ENV_TOKEN_FILE: str(self.folder / "token"),
            layout.ENV_CA_BUNDLE: self.ca,
        }
        python = [sys.executable, "-m", "hotupgrade_agent.main", "serve"]
        await self._run("agent", {**common, **agent}, "supervise", "--", *python)

    async def _run(self, log: str, env: dict[str, str], *args: str) -> None:
        with (self.folder / f"{log}.log").open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                self.launcher, *args, cwd=self.folder, env=env, stdout=file, stderr=file
            )
        self.processes.append(process)

    async def stop(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.terminate()
        for process in self.processes:
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()

    def resource(self) -> dict[str, Any]:
        """The pod as a kubelet and injection would have it."""
        return {
            "metadata": {
                "name": self.name,
                "uid": self.uid,
                "labels": {LABEL_NAME: self.hot_upgrade, "app": "web"},
            },
            "spec": {
                "containers": [{"name": "web", "image": IMAGE, "command": self.command()}],
                "initContainers": [{"name": layout.AGENT_CONTAINER}],
            },
            "status": {
                "phase": "Running",
                "podIP": self.address,
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
