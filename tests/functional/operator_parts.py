"""Parts of the operator against the embedded API server, each on loopback ports of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from kubernetes.aio import client

from hotupgrade_demo.api_server import ApiServer
from hotupgrade_operator.settings import Settings
from tests.functional.launcher_process import free_port


@asynccontextmanager
async def embedded_api() -> AsyncIterator[tuple[ApiServer, client.ApiClient]]:
    server, port = ApiServer(), free_port()
    await server.start("127.0.0.1", port)
    configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
    async with client.ApiClient(configuration) as api:
        yield server, api
    await server.stop()


async def until(check: Callable[[], bool]) -> None:
    """Polls; fails after 30 s."""
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110  (what is waited for is another task's doing)
            await asyncio.sleep(0.02)


def settings(**more: str) -> Settings:
    """Bound to loopback, on free ports."""
    variables = {
        "NAMESPACE": "system",
        "POD_NAME": "operator-0",
        "AGENT_IMAGE": "agent:1",
        "WEBHOOK_PORT": str(free_port()),
        "METRICS_PORT": str(free_port()),
        "BIND_ADDRESS": "127.0.0.1",
        **more,
    }
    return Settings.from_environment(
        {f"HOTUPGRADE_OPERATOR_{name}": value for name, value in variables.items()}
    )
