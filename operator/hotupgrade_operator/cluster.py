"""IO: what the operator reads from and writes to the API server, in small frozen types."""

import base64
from typing import Any

import msgspec
from kubernetes.aio import client

from hotupgrade_api.agent_messages import AUDIENCE
from hotupgrade_api.resource import (
    ANNOTATION_VERSION,
    API_VERSION,
    GROUP,
    KIND,
    LABEL_NAME,
    LABEL_REVISION,
    PLURAL,
    WorkloadRef,
)
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator.status import Event

MERGE = "application/merge-patch+json"
POD_UID_CLAIM = "authentication.kubernetes.io/pod-uid"


class _Meta(msgspec.Struct, rename="camel"):
    name: str
    uid: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str = ""


class _Container(msgspec.Struct):
    name: str


class _PodSpec(msgspec.Struct, rename="camel"):
    containers: list[_Container] = []
    init_containers: list[_Container] = []


class _PodCondition(msgspec.Struct):
    type: str
    status: str


class _PodStatus(msgspec.Struct, rename="camel"):
    phase: str = ""
    pod_i_p: str = msgspec.field(default="", name="podIP")
    conditions: list[_PodCondition] = []


class Pod(msgspec.Struct):
    """The few fields of a pod that matter; the rest is never decoded."""

    metadata: _Meta
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)

    def ready(self) -> bool:
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)


class _PodList(msgspec.Struct):
    items: list[Pod]


class Cluster:
    def __init__(self, api: client.ApiClient) -> None:
        self._core = client.CoreV1Api(api)
        self._apps = client.AppsV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._authentication = client.AuthenticationV1Api(api)

    async def pods(self, namespace: str, name: str) -> list[Pod]:
        """The pods that carry the HotUpgrade's label, by name."""
        response = await self._core.list_namespaced_pod_without_preload_content(
            namespace, label_selector=f"{LABEL_NAME}={name}"
        )
        found = msgspec.json.decode(await _body(response), type=_PodList)
        return sorted(found.items, key=lambda pod: pod.metadata.name)

    async def hot_upgrade(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The resource as it is now; None where it is gone."""
        try:
            found: Any = await self._custom.get_namespaced_custom_object(
                GROUP, API_VERSION, namespace, PLURAL, name
            )
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
        return dict(found)

    async def workload_exists(self, namespace: str, ref: WorkloadRef) -> bool:
        read = {
            "Deployment": self._apps.read_namespaced_deployment_without_preload_content,
            "StatefulSet": self._apps.read_namespaced_stateful_set_without_preload_content,
            "DaemonSet": self._apps.read_namespaced_daemon_set_without_preload_content,
            "ReplicaSet": self._apps.read_namespaced_replica_set_without_preload_content,
        }.get(ref.kind)
        if read is None:
            return True  # a custom workload: its pods carry the label, that is all we need
        try:
            await _body(await read(name=ref.name, namespace=namespace))
        except client.ApiException as error:
            if error.status == 404:
                return False
            raise
        return True

    async def publish(self, namespace: str, pod: str, revision: str, version: str) -> None:
        body = {
            "metadata": {
                "labels": {LABEL_REVISION: revision},
                "annotations": {ANNOTATION_VERSION: version},
            }
        }
        await self._core.patch_namespaced_pod(pod, namespace, body, _content_type=MERGE)

    async def write_status(
        self, namespace: str, name: str, version: str, status: HotUpgradeStatus
    ) -> None:
        """Whole, and only over the version that was observed: a conflict is a 409."""
        body = {
            "apiVersion": f"{GROUP}/{API_VERSION}",
            "kind": KIND,
            "metadata": {"name": name, "resourceVersion": version},
            "status": _whole(status),
        }
        await self._custom.patch_namespaced_custom_object_status(
            GROUP, API_VERSION, namespace, PLURAL, name, body, _content_type=MERGE
        )

    async def tell(self, namespace: str, name: str, uid: str, event: Event, time: str) -> None:
        body: Any = {
            "metadata": {"generateName": f"{name}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": f"{GROUP}/{API_VERSION}",
                "kind": KIND,
                "name": name,
                "namespace": namespace,
                "uid": uid,
            },
            "reason": event.reason,
            "message": event.message[:1000],
            "type": "Warning" if event.warning else "Normal",
            "source": {"component": "hotupgrade-operator"},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        create = self._core.create_namespaced_event_without_preload_content
        await _body(await create(namespace, body))

    async def pod_uid_of(self, token: str) -> str:
        """TokenReview: the UID of the pod that the token is bound to; empty where it is bad."""
        body: Any = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        response = await self._authentication.create_token_review_without_preload_content(body)
        review = msgspec.json.decode(await _body(response))
        status = review.get("status", {})
        if not status.get("authenticated") or AUDIENCE not in status.get("audiences", []):
            return ""
        uids = status.get("user", {}).get("extra", {}).get(POD_UID_CLAIM, [])
        return str(uids[0]) if uids else ""

    async def secret(self, namespace: str, name: str) -> dict[str, bytes] | None:
        try:
            found = await self._core.read_namespaced_secret(name, namespace)
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
        return {key: base64.b64decode(value) for key, value in (found.data or {}).items()}

    async def create_secret(self, namespace: str, name: str, data: dict[str, bytes]) -> None:
        """Raises ApiException 409 where another replica was first."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        body: Any = {"metadata": {"name": name}, "type": "Opaque", "data": encoded}
        create = self._core.create_namespaced_secret_without_preload_content
        await _body(await create(namespace, body))


async def _body(response: Any) -> bytes:
    """The raw answer. Raises ApiException, which the client leaves to us for raw answers."""
    raw: bytes = await response.read()
    if response.status >= 400:
        raise client.ApiException(status=response.status, reason=raw[:500].decode(errors="replace"))
    return raw


def _whole(status: HotUpgradeStatus) -> Any:
    """Every field, defaults too: a merge patch that leaves one out would keep the old value."""
    written = msgspec.to_builtins(status)
    defaults = {
        field.encode_name: msgspec.to_builtins(field.default)
        if field.default is not msgspec.NODEFAULT
        else field.default_factory()
        for field in msgspec.structs.fields(HotUpgradeStatus)
    }
    return {**defaults, **written}
