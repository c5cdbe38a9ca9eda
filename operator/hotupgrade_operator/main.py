"""The console script `hotupgrade-operator`.

Each replica serves admission; the holder of the Lease reconciles, and ends when it loses it: what
it was about to do must not meet what the next holder does. Admission goes on for a moment then.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Collection, Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import kopf
from kubernetes.aio import client, config

from hotupgrade_operator import handlers, metrics, observability
from hotupgrade_operator.act import Actor
from hotupgrade_operator.admission import Admission
from hotupgrade_operator.agents import Agents
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.lease import Lease
from hotupgrade_operator.measurer import Measurer
from hotupgrade_operator.network import Network
from hotupgrade_operator.observe import Observer
from hotupgrade_operator.pods import Pods
from hotupgrade_operator.prometheus import Prometheus
from hotupgrade_operator.reconcile import Reconciler
from hotupgrade_operator.routes import Routes
from hotupgrade_operator.settings import Settings, SettingsError
from hotupgrade_operator.trust import Trust, UnusableSecret

log = logging.getLogger("hotupgrade.operator")

# Of a replica that ends by itself: until its readiness is probed, and no pod's creation is sent to
# it any more. One that is told to end was waited for by then: the chart's preStop.
FAREWELL_SECONDS = 10.0


class CannotStart(Exception):
    """What the operator cannot do without is not there."""


class LeaseLost(Exception):
    """Another replica may reconcile from now on."""


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises CannotStart or LeaseLost."""
    stop = asyncio.Event()
    _set_at_signals(stop)
    await _find_api_server()
    async with client.ApiClient() as api, AsyncExitStack() as stack:
        cluster = Cluster(api)
        trust = Trust(cluster, settings, lambda: datetime.now(UTC))
        try:
            await trust.refresh()
        except (client.ApiException, aiohttp.ClientError, OSError, UnusableSecret) as error:
            raise CannotStart(f"cannot start: {error}") from error
        if settings.agent_image:
            admission = Admission(cluster, settings)
            trust.use(admission.use)
            stack.push_async_callback((await admission.start()).cleanup)
        readiness = observability.Readiness()
        plain = await observability.serve(settings.bind_address, settings.metrics_port, readiness)
        stack.push_async_callback(plain.cleanup)
        lease = Lease(api, settings.lease_name, settings.namespace, settings.pod_name)
        try:
            await _first_end(
                stop.wait(),
                trust.run(),
                lease.lead(lambda: lead(api, cluster, trust, settings, stop)),
            )
            if not stop.is_set():
                raise LeaseLost(f"lost the Lease {settings.namespace}/{settings.lease_name}")
        except Exception as error:
            log.error("ends: %s", error)  # nothing reconciles from here on
            readiness.ready = False
            _set_at_signals(stop)  # kopf had them
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), FAREWELL_SECONDS)
            raise


async def lead(
    api: client.ApiClient, cluster: Cluster, trust: Trust, settings: Settings, stop: asyncio.Event
) -> None:
    """Reconciles until cancelled, or until a signal, which it passes on to `stop`."""
    log.info("holds the Lease: reconciles")
    metrics.LEADER.set(1)
    agents = Agents(cluster, settings.agent_port)
    trust.use(agents.use)
    pods = Pods(api)
    measurer = Measurer(Prometheus(settings.prometheus_allowed))
    routes = Routes(api, settings.istio)
    observer = Observer(cluster, agents, pods, trust, measurer, routes)
    actor = Actor(cluster, agents, pods, trust, routes)
    network = Network(api, agents, pods, settings)
    reconciler = Reconciler(cluster, observer, network, actor, pods, measurer)
    pods.subscribe(reconciler.wake)
    measurer.subscribe(reconciler.wake)
    registry = kopf.OperatorRegistry()
    handlers.register(registry, reconciler, api.configuration.host)
    try:
        watch = _watch_hot_upgrades(registry, settings.pod_name)
        wakers = (reconciler.wake, reconciler.wake_all)
        await _first_end(pods.run(), watch, network.follow(*wakers), routes.follow(*wakers))
        # kopf takes the signals for itself; it ends in order at one of them, and never else.
        stop.set()
    finally:
        metrics.LEADER.set(0)
        await reconciler.stop()
        await measurer.close()
        await agents.close()


async def _watch_hot_upgrades(registry: kopf.OperatorRegistry, pod_name: str) -> None:
    """Until a part of kopf ends, or until cancelled. kopf.operator() would end by cancelling every
    task of the loop that is younger than itself, and with them the webhook's open connections."""
    # Without an identity kopf looks its own up by the UID's name: in an image there is none.
    identity: Any = pod_name  # kopf exports no name for its NewType over str
    await _until_first(
        await kopf.spawn_tasks(
            registry=registry, standalone=True, clusterwide=True, identity=identity
        )
    )


def _set_at_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _find_api_server() -> None:
    """In a pod the kubelet names it, else a kubeconfig does. The library types neither."""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    else:
        await config.load_kube_config()  # type: ignore[no-untyped-call]


async def _first_end(*work: Coroutine[Any, Any, Any]) -> None:
    """Runs all until one ends."""
    await _until_first([asyncio.create_task(part) for part in work])


async def _until_first(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Until one of them ends; the others are cancelled. Raises what that one raised."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def main() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # It says of each event that a handler of ours was called: a line a second where much happens.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    try:
        asyncio.run(run(Settings.from_environment()))
    except (SettingsError, CannotStart, LeaseLost) as error:
        sys.exit(f"hotupgrade-operator: {error}")


if __name__ == "__main__":
    main()
