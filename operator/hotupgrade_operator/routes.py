"""IO: VirtualServices and DestinationRules become a TrafficView; its patches are sent; and what was
changed is given back when its HotUpgrade is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import msgspec
from kubernetes.aio import client

from hotupgrade_api.resource import HotUpgradeSpec, WorkloadRef
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import traffic
from hotupgrade_operator.api_answer import answered, bounded
from hotupgrade_operator.api_watch import WATCH_SECONDS, WatchEnded, events
from hotupgrade_operator.istio_resources import (
    CANARY,
    GROUP,
    RULES,
    SERVICES,
    STABLE,
    VERSION,
    DestinationRule,
    VirtualService,
    records,
)
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.traffic_istio import Patch, revision_of
from hotupgrade_operator.traffic_view import Routed, TrafficView

log = logging.getLogger("hotupgrade.operator")

# istiod gathers changes for 0.1 s and more, and no proxy tells us what it has.
PROPAGATION_SECONDS = 2.0
NOT_FOUND, FORBIDDEN = 404, 403
PAUSE_SECONDS = 5.0  # before the next watch begins, which tells of every VirtualService again
GONE = HotUpgradeSpec(workload_ref=WorkloadRef(api_version="", kind="", name=""))


class _Services(msgspec.Struct):
    items: tuple[VirtualService, ...] = ()


@dataclass(frozen=True)
class _Since:
    content: Hashable
    seconds: float  # of the event loop's clock


class Routes:
    def __init__(self, api: client.ApiClient, enabled: bool) -> None:
        """enabled: whether the operator may look at Istio's resources."""
        self._custom = client.CustomObjectsApi(api)
        self._enabled = enabled
        # How long each thing has been as it is. Forgotten by a restart: the wait begins again.
        self._since: dict[tuple[str, str], dict[str, _Since]] = {}

    async def view(self, seen: Observation) -> Observation:
        """With what there is of its routes."""
        routing = seen.spec.traffic_routing
        istio = routing.istio if routing else None
        if not self._enabled:
            problem = "cannot look at VirtualServices: the operator was installed without Istio"
            return replace(seen, traffic=TrafficView(problem=problem if istio else ""))
        try:
            services = await self._services(seen.namespace)
        except client.ApiException as error:
            if error.status not in (NOT_FOUND, FORBIDDEN):
                raise
            problem = f"cannot look at VirtualServices: {error.status} {error.reason}"
            return replace(seen, traffic=TrafficView(problem=problem if istio else ""))
        key, now = (seen.namespace, seen.name), asyncio.get_running_loop().time()
        old, new = self._since.get(key, {}), dict[str, _Since]()

        def settled(what: str, content: Hashable) -> bool:
            before = old.get(what)
            new[what] = before if before and before.content == content else _Since(content, now)
            return now - new[what].seconds >= PROPAGATION_SECONDS

        named, routed = None, []
        for service in services:
            name = service.metadata.name
            record = records(service).get(seen.name)
            meant = istio is not None and name == istio.virtual_service.name
            if record is None and not meant:
                continue
            rule_name = istio.destination_rule.name if istio and meant else ""
            rule = await self._rule(
                seen.namespace, record.destination_rule if record else rule_name
            )
            bound = (revision_of(rule, STABLE), revision_of(rule, CANARY)) if rule else None
            found = Routed(
                service,
                rule,
                settled_service=settled(f"{SERVICES}/{name}", service.spec),
                settled_rule=settled(f"{RULES}/{name}", bound),
            )
            routed.append(found)
            named = found if meant else named
        if istio is None and not routed:
            self._since.pop(key, None)
            return seen
        pods = frozenset(
            pod.name
            for pod in seen.pods
            if settled(f"pods/{pod.uid}", (pod.revision_label, pod.ready))
        )
        self._since[key] = new
        return replace(seen, traffic=TrafficView(named, tuple(routed), pods))

    async def move(self, namespace: str, patch: Patch) -> None:
        """Raises ApiException 409 or 422 where the object is another by now."""
        log.info("audit: %s/%s %s: %s", namespace, patch.plural, patch.name, patch.what)
        await self._patch(namespace, patch)

    async def give_back(self, namespace: str, name: str) -> bool:
        """What was changed for a HotUpgrade that is gone. Says whether nothing is left of it."""
        if not self._enabled:
            return True
        gone = Observation(namespace, name, "", 0, GONE, HotUpgradeStatus())
        seen = await self.view(gone)
        for patch in traffic.patches(seen, None):
            await self.move(namespace, patch)
        return not seen.traffic.routed

    async def follow(
        self, wake: Callable[[str, str], None], wake_all: Callable[[str], None]
    ) -> None:
        """Until cancelled: wakes every HotUpgrade of a namespace where a VirtualService changes;
        and those that are gone but have something to give back."""
        if not self._enabled:
            await asyncio.Event().wait()
        while True:
            try:
                async for service in self._changes():
                    wake_all(service.metadata.namespace)
                    for owner in records(service):
                        wake(service.metadata.namespace, owner)
            except (
                *(client.ApiException, WatchEnded),
                *(aiohttp.ClientError, OSError, TimeoutError),
            ) as error:
                absent = isinstance(error, client.ApiException) and error.status == NOT_FOUND
                if not absent:  # Istio may come later
                    log.warning("cannot watch VirtualServices, trying again: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _changes(self) -> AsyncIterator[VirtualService]:
        read = self._custom.list_cluster_custom_object_without_preload_content
        response = await read(
            GROUP,
            VERSION,
            SERVICES,
            watch=True,
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=WATCH_SECONDS + 30,
        )
        async for event in events(response):
            yield msgspec.json.decode(event.object, type=VirtualService)

    @bounded
    async def _services(self, namespace: str) -> tuple[VirtualService, ...]:
        read = self._custom.list_namespaced_custom_object_without_preload_content
        raw = await answered(await read(GROUP, VERSION, namespace, SERVICES))
        return msgspec.json.decode(raw, type=_Services).items

    @bounded
    async def _rule(self, namespace: str, name: str) -> DestinationRule | None:
        read = self._custom.get_namespaced_custom_object_without_preload_content
        try:
            raw = await answered(await read(GROUP, VERSION, namespace, RULES, name))
        except client.ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise
        return msgspec.json.decode(raw, type=DestinationRule)

    @bounded
    async def _patch(self, namespace: str, patch: Patch) -> None:
        send = self._custom.patch_namespaced_custom_object_without_preload_content
        body: Any = list(patch.operations)
        await answered(
            await send(
                GROUP,
                VERSION,
                namespace,
                patch.plural,
                patch.name,
                body,
                _content_type="application/json-patch+json",
            )
        )
