"""IO: plain /healthz, /readyz and /metrics."""

from aiohttp import web
from prometheus_client import generate_latest

from hotupgrade_operator import metrics


async def serve(address: str | None, port: int) -> web.AppRunner:
    """Until the runner is cleaned up. Both are answered while the event loop turns: it is started
    when admission serves, and a replica that waits for the Lease is as ready as one that has it."""

    async def well(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def exposed(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.REGISTRY),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", well), web.get("/readyz", well), web.get("/metrics", exposed)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner
