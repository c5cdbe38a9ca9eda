"""IO: our own watch of the pods that carry a HotUpgrade's label, kept in small structs.

Whole pods would be 66 kB each; of these few fields 10,000 fit into 30 MB. The watch wakes
whoever is concerned only when one of the fields that matter has changed.
"""

import asyncio
import logging
from collections.abc import Callable

import aiohttp
import msgspec
from kubernetes.aio import client

from hotupgrade_api.resource import (
    ANNOTATION_INJECTED,
    ANNOTATION_VERSION,
    LABEL_NAME,
    LABEL_REVISION,
)
from hotupgrade_operator.api_watch import WATCH_SECONDS, WatchEnded, events

log = logging.getLogger("hotupgrade.operator")

PAGE = 500
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.5, 30.0

# DecodeError: something in between answered in the API server's place.
FAILURES = (
    client.ApiException,
    aiohttp.ClientError,
    msgspec.DecodeError,
    OSError,
    TimeoutError,
)
Key = tuple[str, str]  # namespace and name


class _Annotations(msgspec.Struct, frozen=True):
    version: str = msgspec.field(default="", name=ANNOTATION_VERSION)
    injected: str = msgspec.field(default="", name=ANNOTATION_INJECTED)


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = "0"
    creation_timestamp: str = ""
    labels: dict[str, str] = {}  # all of them: policies select by any
    annotations: _Annotations = _Annotations()
    deletion_timestamp: str = ""


class _Port(msgspec.Struct, frozen=True, rename="camel"):
    container_port: int
    name: str = ""
    protocol: str = "TCP"


class _Container(msgspec.Struct, frozen=True):
    name: str
    ports: tuple[_Port, ...] = ()


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    init_containers: tuple[_Container, ...] = ()
    containers: tuple[_Container, ...] = ()
    host_network: bool = False


class _Condition(msgspec.Struct, frozen=True):
    type: str
    status: str


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[_Condition, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """The few fields of a pod that matter; the rest is never decoded."""

    metadata: _Meta
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def key(self) -> Key:
        return self.metadata.namespace, self.metadata.name

    @property
    def hot_upgrade(self) -> str:
        """The name of the one that it belongs to; empty: none."""
        return self.metadata.labels.get(LABEL_NAME, "")

    @property
    def revision(self) -> str:
        """What was published of it."""
        return self.metadata.labels.get(LABEL_REVISION, "")

    @property
    def ready(self) -> bool:
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    @property
    def started(self) -> bool:
        """Its containers run, and it has an address."""
        return self.status.phase == "Running" and bool(self.status.pod_ip)

    @property
    def ended(self) -> bool:
        """It runs no more and never will: evicted, or a pod that has run to its end."""
        return self.status.phase in ("Failed", "Succeeded")

    @property
    def initializes(self) -> bool:
        """It has an address, and its init containers run."""
        return self.status.phase == "Pending" and bool(self.status.pod_ip)

    def has_init_container(self, name: str) -> bool:
        return any(c.name == name for c in self.spec.init_containers)

    def differs(self, other: "Pod | None") -> bool:
        """In anything but the version."""
        if other is None:
            return True
        version = other.metadata.resource_version
        meta = msgspec.structs.replace(self.metadata, resource_version=version)
        ready = (self.ready, self.spec, self.status.phase, self.status.pod_ip, meta)
        return ready != (
            *(other.ready, other.spec, other.status.phase, other.status.pod_ip),
            other.metadata,
        )


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[Pod]


class Pods:
    """What is known of the pods."""

    def __init__(self, api: client.ApiClient) -> None:
        self._core = client.CoreV1Api(api)
        self._subscribers: list[Callable[[str, str], None]] = []
        self._pods: dict[Key, Pod] = {}
        self._by_owner: dict[Key, set[Key]] = {}
        self.synced = asyncio.Event()

    def subscribe(self, changed: Callable[[str, str], None]) -> None:
        """Called with the namespace and name of each HotUpgrade one of whose pods changed."""
        self._subscribers.append(changed)

    def of(self, namespace: str, hot_upgrade: str) -> list[Pod]:
        """The pods that carry the HotUpgrade's label, by name."""
        keys = self._by_owner.get((namespace, hot_upgrade), set())
        return [self._pods[key] for key in sorted(keys)]

    def learn(self, pod: Pod, listed: bool = False) -> None:
        """A pod as it is now. What is older than what we know is left out: an answer to a write
        and the watch race each other, and resource versions of one kind are ordered (KEP-5504).
        What was listed holds whatever its version is: etcd may have been restored."""
        known = self._pods.get(pod.key)
        same = known is not None and known.metadata.uid == pod.metadata.uid
        if same and known is not None and not listed and _version(pod) < _version(known):
            return
        self._forget(pod.key)
        self._pods[pod.key] = pod
        self._by_owner.setdefault(_owner(pod), set()).add(pod.key)
        if pod.differs(known):
            self._tell({_owner(pod), _owner(known or pod)})

    def gone(self, pod: Pod) -> None:
        known = self._forget(pod.key)
        self._tell({_owner(known or pod)})

    def _tell(self, owners: set[Key]) -> None:
        for changed in self._subscribers:
            for owner in owners:
                changed(*owner)

    def _forget(self, key: Key) -> Pod | None:
        known = self._pods.pop(key, None)
        if known is not None:
            keys = self._by_owner[_owner(known)]
            keys.discard(key)
            if not keys:
                del self._by_owner[_owner(known)]
        return known

    async def run(self) -> None:
        """Lists, then watches, until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                version = await self._list()
                self.synced.set()
                while True:
                    version = await self._watch(version)
                    pause = FIRST_PAUSE_SECONDS
            except WatchEnded as error:
                log.info("lists the pods anew: %s", error)
                await asyncio.sleep(FIRST_PAUSE_SECONDS)  # a list of all pods costs
            except FAILURES as error:
                log.warning("cannot watch pods, trying again in %g s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_PAUSE_SECONDS)

    async def _list(self) -> str:
        """Page by page; what is not in the list any more is gone."""
        found: set[Key] = set()
        start = ""
        while True:
            response = await self._core.list_pod_for_all_namespaces_without_preload_content(
                label_selector=LABEL_NAME, limit=PAGE, _continue=start
            )
            raw = await response.read()
            if response.status >= 400:
                reason = raw[:300].decode(errors="replace")
                raise client.ApiException(status=response.status, reason=reason)
            page = msgspec.json.decode(raw, type=_Page)
            for pod in page.items:
                found.add(pod.key)
                self.learn(pod, listed=True)
            start = page.metadata.continue_
            if not start:
                break
        for key in set(self._pods) - found:
            self.gone(self._pods[key])
        return page.metadata.resource_version

    async def _watch(self, version: str) -> str:
        """Follows until the server ends it; returns the version to go on from."""
        response = await self._core.list_pod_for_all_namespaces_without_preload_content(
            label_selector=LABEL_NAME,
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=WATCH_SECONDS + 30,
        )
        async for event in events(response):
            version = event.version
            if event.type == "BOOKMARK":
                continue
            pod = msgspec.json.decode(event.object, type=Pod)
            if event.type == "DELETED":
                self.gone(pod)
            else:
                self.learn(pod)
        return version


def _owner(pod: Pod) -> Key:
    return pod.metadata.namespace, pod.hot_upgrade


def _version(pod: Pod) -> int:
    text = pod.metadata.resource_version
    return int(text) if text.isdigit() else 0
