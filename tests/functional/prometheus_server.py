"""A small server that speaks Prometheus' query API: it answers as the test says, and keeps what it
was asked."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.functional.launcher_process import free_port


def vector(*samples: str) -> bytes:
    series = [{"metric": {"n": str(n)}, "value": [0, text]} for n, text in enumerate(samples)]
    return success("vector", series)


def success(kind: str, result: Any) -> bytes:
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    return json.dumps(body).encode()


@dataclass
class PrometheusServer:
    port: int
    status: int = 200
    body: bytes = field(default_factory=vector)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _query(self, request: web.Request) -> web.Response:
        self.asked.append({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@asynccontextmanager
async def prometheus_server() -> AsyncIterator[PrometheusServer]:
    server = PrometheusServer(free_port())
    app = web.Application()
    app.router.add_post("/api/v1/query", server._query)
    app.router.add_post("/prefix/api/v1/query", server._query)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", server.port).start()
    yield server
    await runner.cleanup()
