"""IO: plain /healthz, /readyz and /metrics."""

from aiohttp import web
from prometheus_client import generate_latest

from hotupgrade_operator import metrics


class Readiness:
    """True until the process begins to end: nobody is to be sent here any more."""

    def __init__(self) -> None:
        self.ready = True


async def serve(address: str | None, port: int, readiness: Readiness) -> web.AppRunner:
    """Until the runner is cleaned up. Health is answered while the event loop turns: it is started
    when admission serves, and a replica that waits for the Lease is as ready as one that has it."""

    async def well(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        if readiness.ready:
            return web.Response(text="ok\n")
        return web.Response(text="ends\n", status=503)

    async def exposed(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.REGISTRY),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    app = web.Application()
    app.add_routes(
        [web.get("/healthz", well), web.get("/readyz", ready), web.get("/metrics", exposed)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner
