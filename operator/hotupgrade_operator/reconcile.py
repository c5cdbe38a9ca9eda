"""IO: observe -> plan -> status -> act, once for one HotUpgrade; and the loop that repeats it."""

import asyncio
import logging
from datetime import UTC, datetime

import aiohttp
from kubernetes.aio import client

from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import metrics, plan, status
from hotupgrade_operator.act import Actor
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.measurement import measured
from hotupgrade_operator.measurer import Measurer
from hotupgrade_operator.network import Network
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.observe import Observer
from hotupgrade_operator.pods import Pods

log = logging.getLogger("hotupgrade.operator")

BUSY_SECONDS = 0.5  # while an upgrade moves
SETTLED_SECONDS = 10.0


class Reconciler:
    """One task a HotUpgrade. Edges only wake it; what it does follows from what it sees."""

    def __init__(
        self,
        cluster: Cluster,
        observer: Observer,
        network: Network,
        actor: Actor,
        pods: Pods,
        measurer: Measurer,
    ) -> None:
        self._cluster = cluster
        self._observer = observer
        self._network = network
        self._actor = actor
        self._pods = pods
        self._measurer = measurer
        self._wake: dict[tuple[str, str], asyncio.Event] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._stopped = False

    def wake(self, namespace: str, name: str) -> None:
        if self._stopped:
            return  # an event that was still on its way: another replica may reconcile by now
        key = (namespace, name)
        if key not in self._tasks or self._tasks[key].done():
            self._wake[key] = asyncio.Event()
            self._tasks[key] = asyncio.create_task(self._run(key))
        self._wake[key].set()

    def wake_all(self, namespace: str) -> None:
        """Every one that is known there."""
        for key, task in list(self._tasks.items()):
            if key[0] == namespace and not task.done():
                self._wake[key].set()

    async def stop(self) -> None:
        self._stopped = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, key: tuple[str, str]) -> None:
        wake = self._wake[key]
        await self._pods.synced.wait()  # before that, every pod would seem to be gone
        while True:
            wake.clear()
            pause = SETTLED_SECONDS
            try:
                with metrics.RECONCILE_SECONDS.time():
                    goes_on = await self.reconcile(*key)
                if goes_on is None:
                    metrics.FLEET.forget(*key)
                    self._measurer.take(key)
                    if wake.is_set():
                        continue  # woken meanwhile: it may have been made anew
                    return
                pause = BUSY_SECONDS if goes_on else SETTLED_SECONDS
            except (client.ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("cannot reconcile %s/%s, trying again: %s", *key, error)
                metrics.RECONCILE_ERRORS.inc()
                pause = BUSY_SECONDS
            except Exception:
                # A bug that one resource meets must not end the work on the others.
                log.exception("cannot reconcile %s/%s, trying again", *key)
                metrics.RECONCILE_ERRORS.inc()
            try:
                async with asyncio.timeout(pause):
                    await wake.wait()
            except TimeoutError:
                pass

    async def reconcile(self, namespace: str, name: str) -> bool | None:
        """Once. Says whether something moves; None where the HotUpgrade is gone."""
        resource = await self._cluster.hot_upgrade(namespace, name)
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            await self._network.close(namespace, name)
            return None if await self._actor.give_back(namespace, name) else True
        seen, addresses = await self._observer.observe(resource)
        now = datetime.now(UTC)
        made = await self._network.prepare(seen, plan.make(seen, now))
        after = status.render(seen, made, now)
        if after != seen.status:
            # Events first: killed in between, the next operator tells the same ones, which have the
            # same names. The status before acting: a rejection must not be forgotten by a kill.
            for event in status.events(seen, after, made):
                log.info("%s/%s: %s: %s", namespace, name, event.reason, event.message)
                await self._cluster.tell(namespace, name, seen.uid, event, now)
            version = resource["metadata"]["resourceVersion"]
            await self._cluster.write_status(namespace, name, version, after)
        _measure(seen, made, after)
        for question in made.questions:
            self._measurer.ask((namespace, name), question, now)
        await self._actor.carry_out(made.actions, seen, addresses)
        moving = any(c.type == "Reconciling" and c.status == "True" for c in after.conditions)
        return moving or bool(made.actions) or made.route is not None


def _measure(seen: Observation, made: plan.Plan, after: HotUpgradeStatus) -> None:
    if made.rejection is not None:
        metrics.REJECTIONS.labels(made.rejection.reason).inc()
    metrics.FLEET.put(seen.namespace, seen.name, measured(seen, made, after))
