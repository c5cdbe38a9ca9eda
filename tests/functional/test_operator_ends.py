"""A replica that loses the Lease stops reconciling at once, and answers the webhook a while on."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_demo.scenario import KUBECONFIG
from hotupgrade_operator.settings import PREFIX
from tests.functional.launcher_process import free_port
from tests.functional.operator_parts import until
from tests.functional.test_admission import Asked, owner_in, pod, put_hot_upgrade

LEASE = "hotupgrade-operator"
SERVICE = "hotupgrade-operator"


class Operator:
    """A process of it that holds the Lease."""

    def __init__(self, server: ApiServer, ports: dict[str, int]) -> None:
        self.server = server
        self.ports = ports
        self.leads = self.ready = False

    @property
    def lease(self) -> dict[str, object]:
        return self.server.get("leases", "system", LEASE) or {}

    def webhook(self) -> Asked:
        secret = self.server.get("secrets", "system", "hotupgrade-ca")
        assert secret is not None
        bundle = base64.b64decode(secret["data"]["bundle.crt"])
        return Asked(self.server, self.ports["WEBHOOK_PORT"], bundle)

    async def look(self) -> None:
        """Until cancelled: what its plain port says."""
        url = f"http://127.0.0.1:{self.ports['METRICS_PORT']}"
        async with aiohttp.ClientSession(base_url=url) as session:
            while True:
                try:
                    async with session.get("/readyz") as answer:
                        self.ready = answer.status == 200
                    async with session.get("/metrics") as answer:
                        self.leads = "hotupgrade_operator_leader 1.0" in await answer.text()
                except aiohttp.ClientError:
                    self.ready = self.leads = False
                await asyncio.sleep(0.05)


@asynccontextmanager
async def operator(folder: Path) -> AsyncIterator[tuple[Operator, asyncio.subprocess.Process]]:
    server, port = ApiServer(), free_port()
    ports = {"WEBHOOK_PORT": free_port(), "METRICS_PORT": free_port()}
    await server.start("127.0.0.1", port)
    (folder / "kubeconfig").write_text(KUBECONFIG.format(port=port))
    variables = {
        "NAMESPACE": "system",
        "POD_NAME": "operator-0",
        "AGENT_IMAGE": "agent:1",
        "BIND_ADDRESS": "127.0.0.1",
        **{name: str(number) for name, number in ports.items()},
    }
    env = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig")}
    env |= {PREFIX + name: value for name, value in variables.items()}
    command = (sys.executable, "-m", "hotupgrade_operator.main")
    process = await asyncio.create_subprocess_exec(*command, env=env)
    found = Operator(server, ports)
    looks = asyncio.create_task(found.look())
    try:
        yield found, process
    finally:
        looks.cancel()
        if process.returncode is None:
            process.kill()
        await process.wait()
        await server.stop()


async def test_replica_that_loses_the_lease_answers_the_webhook_until_nobody_is_sent_to_it(
    tmp_path: Path,
) -> None:
    async with operator(tmp_path) as (found, process):
        uid = await put_hot_upgrade(found.server)
        await until(lambda: found.leads and found.ready)
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {"holderIdentity": "another", "leaseDurationSeconds": 15, "renewTime": now}
        taken = {**found.lease, "spec": {**spec, "acquireTime": now}}
        await found.server.put(kind_of("leases"), "system", taken)
        await until(lambda: not found.ready)
        assert process.returncode is None
        await until(lambda: not found.leads)
        assert owner_in(await found.webhook().review(pod())) == uid
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 1


async def test_replica_that_is_told_to_end_ends_well_and_gives_the_lease_back(
    tmp_path: Path,
) -> None:
    async with operator(tmp_path) as (found, process):
        await until(lambda: found.leads)
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        held = found.lease["spec"]
        assert isinstance(held, dict)
        assert not held.get("holderIdentity")
