"""IO: HotUpgrades, with their pods and Events, out of the API server; one annotation into it."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import aiohttp
import msgspec
from kubernetes.aio import client

from hotupgrade_api.request import Request
from hotupgrade_api.resource import (
    ANNOTATION_REQUEST,
    API_VERSION,
    GROUP,
    KIND,
    LABEL_NAME,
    PLURAL,
    WorkloadRef,
)
from hotupgrade_kubectl.objects import Event, HotUpgrade, Pod, Snapshot
from hotupgrade_kubectl.processes import Processes, read

T = TypeVar("T")

PAGE = 500
SECONDS = 30.0  # for one answer
MOST_AT_ONCE = 10
MOST_PAGE_BYTES = 1 << 18
MERGE = "application/merge-patch+json"
NOT_FOUND = 404
# JSON has control characters only in this form, but for those above 127. What others wrote into a
# status or an Event must not move the cursor of whoever looks at it.
CONTROL = re.compile(rb"\\u00(?:[01][0-9a-f]|7f|[89][0-9a-f])|\xc2[\x80-\x9f]|\x7f", re.IGNORECASE)
REPLACED = b"?"


class CannotReach(Exception):
    """The API server does not answer, or refuses; the message says what was wanted, and why not."""


class NotFound(Exception):
    """There is no such HotUpgrade."""


class _ListMetadata(msgspec.Struct):
    continue_: str = msgspec.field(default="", name="continue")


class _Pods(msgspec.Struct):
    items: list[Pod]
    metadata: _ListMetadata = msgspec.field(default_factory=_ListMetadata)


class _Events(msgspec.Struct):
    items: list[Event]


class _HotUpgrades(msgspec.Struct):
    items: list[HotUpgrade]


class _Failure(msgspec.Struct):
    message: str = ""


class Cluster:
    """Of one namespace, where a method does not say otherwise."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._namespace = namespace
        self._core = client.CoreV1Api(api)
        self._custom = client.CustomObjectsApi(api)

    async def hot_upgrade(self, name: str) -> HotUpgrade:
        """Raises NotFound and CannotReach, as the others do."""
        what = f"read HotUpgrade {name} in namespace {self._namespace}"
        get = self._custom.get_namespaced_custom_object_without_preload_content
        raw = await _answer(what, get, GROUP, API_VERSION, self._namespace, PLURAL, name)
        return _decoded(what, raw, HotUpgrade)

    async def hot_upgrades(self, everywhere: bool) -> list[HotUpgrade]:
        if everywhere:
            what = "list HotUpgrades in all namespaces"
            get = self._custom.list_custom_object_for_all_namespaces_without_preload_content
            raw = await _answer(what, get, GROUP, API_VERSION, PLURAL)
        else:
            what = f"list HotUpgrades in namespace {self._namespace}"
            of_one = self._custom.list_namespaced_custom_object_without_preload_content
            raw = await _answer(what, of_one, GROUP, API_VERSION, self._namespace, PLURAL)
        return _decoded(what, raw, _HotUpgrades).items

    async def snapshot(self, name: str) -> Snapshot:
        hot_upgrade, pods, events = await asyncio.gather(
            self.hot_upgrade(name), self.pods(name), self._events(name)
        )
        return Snapshot(hot_upgrade, tuple(pods), tuple(events))

    async def processes(self, pods: Sequence[Pod]) -> dict[str, Processes]:
        """By pod, what its agent says. The API server fetches each agent's metrics for us."""
        room = asyncio.Semaphore(MOST_AT_ONCE)
        get = self._core.connect_get_namespaced_pod_proxy_with_path_without_preload_content

        async def one(pod: Pod) -> Processes:
            if not pod.metrics_port:
                return Processes(unknown="no agent")
            try:
                async with room:
                    what = f"ask the agent of {pod.name}"
                    target = f"{pod.name}:{pod.metrics_port}"
                    raw = await _answer(what, get, target, self._namespace, "metrics")
            except (CannotReach, NotFound) as error:
                return Processes(unknown=str(error))
            return read(raw[:MOST_PAGE_BYTES].decode(errors="replace"))

        found = await asyncio.gather(*(one(pod) for pod in pods))
        return {pod.name: each for pod, each in zip(pods, found, strict=True)}

    async def ask(self, name: str, request: Request) -> None:
        """A merge patch of one annotation: a person needs no right but to patch HotUpgrades."""
        what = f"patch HotUpgrade {name} in namespace {self._namespace}"
        body = {"metadata": {"annotations": {ANNOTATION_REQUEST: str(request)}}}
        patch = self._custom.patch_namespaced_custom_object_without_preload_content
        place = (GROUP, API_VERSION, self._namespace, PLURAL, name, body)
        await _answer(what, patch, *place, _content_type=MERGE)

    async def workload(self, ref: WorkloadRef) -> bytes:
        """The object as the API server has it: one of apps/v1."""
        what = f"read {ref.kind} {ref.name} in namespace {self._namespace}"
        get = self._custom.get_namespaced_custom_object_without_preload_content
        place = ("apps", "v1", self._namespace, f"{ref.kind.lower()}s", ref.name)
        return await _answer(what, get, *place)

    async def pods(self, name: str) -> list[Pod]:
        """Those that carry the HotUpgrade's label."""
        what = f"list the pods in namespace {self._namespace}"
        get = self._core.list_namespaced_pod_without_preload_content
        selector = f"{LABEL_NAME}={name}"
        found: list[Pod] = []
        start = ""
        while True:
            page = {"label_selector": selector, "limit": PAGE, "_continue": start}
            raw = await _answer(what, get, self._namespace, **page)
            pods = _decoded(what, raw, _Pods)
            found += pods.items
            start = pods.metadata.continue_
            if not start:
                return found

    async def _events(self, name: str) -> list[Event]:
        """The oldest first."""
        what = f"list the events in namespace {self._namespace}"
        get = self._core.list_namespaced_event_without_preload_content
        selector = f"involvedObject.kind={KIND},involvedObject.name={name}"
        raw = await _answer(what, get, self._namespace, field_selector=selector)
        events = _decoded(what, raw, _Events).items
        return sorted(events, key=lambda event: event.last_timestamp or "")


async def _answer(what: str, call: Any, *arguments: Any, **more: Any) -> bytes:
    """The body. The client leaves the status of raw answers to us."""
    try:
        response = await call(*arguments, _request_timeout=SECONDS, **more)
        raw: bytes = await response.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise CannotReach(f"cannot {what}: cannot reach the API server: {error}") from error
    if response.status < 400:
        return raw
    try:
        why = msgspec.json.decode(raw, type=_Failure).message
    except msgspec.DecodeError:
        why = f"the API server answered {response.status}"
    if response.status == NOT_FOUND:
        raise NotFound(f"cannot {what}: {why}")
    raise CannotReach(f"cannot {what}: {why}")


def _decoded(what: str, raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(CONTROL.sub(REPLACED, raw), type=kind)
    except msgspec.DecodeError as error:
        raise CannotReach(f"cannot {what}: cannot read the answer: {error}") from error
