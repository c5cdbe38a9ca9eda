"""IO: what the operator reads from and writes to the API server, in small frozen types."""

import base64
import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from kubernetes.aio import client

from hotupgrade_api.agent_messages import AUDIENCE
from hotupgrade_api.resource import (
    ANNOTATION_ROLLED,
    ANNOTATION_VERSION,
    API_VERSION,
    GROUP,
    KIND,
    LABEL_REVISION,
    PLURAL,
    WorkloadRef,
)
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import pod_template
from hotupgrade_operator.api_answer import answered, bounded
from hotupgrade_operator.instant import written
from hotupgrade_operator.observation import Container, Workload
from hotupgrade_operator.pods import Pod
from hotupgrade_operator.status import Event

log = logging.getLogger("hotupgrade.operator")

MERGE = "application/merge-patch+json"
CONFLICT = 409
ROLLABLE = ("Deployment", "StatefulSet", "DaemonSet")
POD_UID_CLAIM = "authentication.kubernetes.io/pod-uid"


class _Generation(msgspec.Struct):
    generation: int = 0


class _TemplateAnnotations(msgspec.Struct):
    token: str = msgspec.field(default="", name=ANNOTATION_ROLLED)


class _TemplateMeta(msgspec.Struct):
    annotations: _TemplateAnnotations = msgspec.field(default_factory=_TemplateAnnotations)


class _Container(msgspec.Struct):
    name: str
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None


class _PodSpec(msgspec.Struct):
    containers: tuple[_Container, ...] = ()


class _Template(msgspec.Struct):
    metadata: _TemplateMeta = msgspec.field(default_factory=_TemplateMeta)
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)


class _WorkloadSpec(msgspec.Struct):
    replicas: int | None = None
    template: _Template = msgspec.field(default_factory=_Template)


class _WorkloadStatus(msgspec.Struct, rename="camel"):
    """Of Deployment, ReplicaSet, StatefulSet and DaemonSet."""

    observed_generation: int | None = None
    replicas: int = 0
    updated_replicas: int = 0
    current_number_scheduled: int = 0
    updated_number_scheduled: int = 0


class _Workload(msgspec.Struct):
    metadata: _Generation
    spec: _WorkloadSpec
    status: _WorkloadStatus = msgspec.field(default_factory=_WorkloadStatus)

    def rolling(self, kind: str) -> bool:
        """Whether pods of an older template live, or will by what the controller has not seen yet;
        as `kubectl rollout status` judges."""
        status = self.status
        seen = status.observed_generation
        if seen is not None and seen < self.metadata.generation:
            return True
        if kind == "DaemonSet":
            return status.updated_number_scheduled < status.current_number_scheduled
        # A count of 0 is left out; a ReplicaSet has none.
        return kind in ROLLABLE and status.updated_replicas < status.replicas


class _Versioned(msgspec.Struct, rename="camel"):
    resource_version: str


class _Secret(msgspec.Struct):
    metadata: _Versioned
    data: dict[str, str] = {}


@dataclass(frozen=True)
class Secret:
    data: dict[str, bytes]
    version: str


class Cluster:
    def __init__(self, api: client.ApiClient) -> None:
        self._core = client.CoreV1Api(api)
        self._apps = client.AppsV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._authentication = client.AuthenticationV1Api(api)
        self._admission = client.AdmissionregistrationV1Api(api)

    @bounded
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

    @bounded
    async def workload(self, namespace: str, ref: WorkloadRef) -> Workload:
        read = {
            "Deployment": self._apps.read_namespaced_deployment_without_preload_content,
            "StatefulSet": self._apps.read_namespaced_stateful_set_without_preload_content,
            "DaemonSet": self._apps.read_namespaced_daemon_set_without_preload_content,
            "ReplicaSet": self._apps.read_namespaced_replica_set_without_preload_content,
        }.get(ref.kind)
        if ref.api_version != "apps/v1":
            return Workload(rollable=False)  # a custom one: we know its pods by the label only
        if read is None:
            return Workload(found=False)
        try:
            raw = await answered(await read(name=ref.name, namespace=namespace))
        except client.ApiException as error:
            if error.status == 404:
                return Workload(found=False)
            raise
        found = msgspec.json.decode(raw, type=_Workload)
        return Workload(
            replicas=found.spec.replicas,
            rolling=found.rolling(ref.kind),
            token=found.spec.template.metadata.annotations.token,
            rollable=ref.kind in ROLLABLE,
            containers=tuple(
                Container(each.name, each.command or (), each.args or ())
                for each in found.spec.template.spec.containers
            ),
            template=pod_template.read(raw),
        )

    @bounded
    async def roll(self, namespace: str, ref: WorkloadRef, token: str) -> None:
        """Has the workload replace its pods by its own strategy; no effect with the same token."""
        patch = {
            "Deployment": self._apps.patch_namespaced_deployment_without_preload_content,
            "StatefulSet": self._apps.patch_namespaced_stateful_set_without_preload_content,
            "DaemonSet": self._apps.patch_namespaced_daemon_set_without_preload_content,
        }[ref.kind]
        annotations = {ANNOTATION_ROLLED: token}
        body = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        await answered(await patch(ref.name, namespace, body, _content_type=MERGE))

    @bounded
    async def publish(self, namespace: str, pod: str, revision: str, version: str) -> Pod:
        """Returns the pod as it is after it."""
        body = {
            "metadata": {
                "labels": {LABEL_REVISION: revision},
                "annotations": {ANNOTATION_VERSION: version},
            }
        }
        response = await self._core.patch_namespaced_pod_without_preload_content(
            pod, namespace, body, _content_type=MERGE
        )
        return msgspec.json.decode(await answered(response), type=Pod)

    @bounded
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

    @bounded
    async def tell(self, namespace: str, name: str, uid: str, event: Event, now: datetime) -> None:
        """An Event that cannot be written is logged: what it tells stands in the status, too."""
        identity = "\0".join((uid, event.key, event.reason, event.message))
        digest, time = hashlib.sha256(identity.encode()).hexdigest()[:16], written(now)
        body: Any = {
            "metadata": {"name": f"{name}.{digest}", "namespace": namespace},
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
        try:
            await answered(await create(namespace, body))
        except client.ApiException as error:
            if error.status != CONFLICT:  # told already
                log.warning("cannot write an Event on %s/%s: %s", namespace, name, error.reason)

    @bounded
    async def pod_uid_of(self, token: str) -> str:
        """TokenReview: the UID of the pod that the token is bound to; empty where it is bad."""
        body: Any = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        response = await self._authentication.create_token_review_without_preload_content(body)
        review = msgspec.json.decode(await answered(response))
        status = review.get("status", {})
        if not status.get("authenticated") or AUDIENCE not in status.get("audiences", []):
            return ""
        uids = status.get("user", {}).get("extra", {}).get(POD_UID_CLAIM, [])
        return str(uids[0]) if uids else ""

    @bounded
    async def secret(self, namespace: str, name: str) -> "Secret | None":
        read = self._core.read_namespaced_secret_without_preload_content
        try:
            raw = await answered(await read(name, namespace))
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
        found = msgspec.json.decode(raw, type=_Secret)
        data = {key: base64.b64decode(value) for key, value in found.data.items()}
        return Secret(data, found.metadata.resource_version)

    @bounded
    async def write_secret(
        self, namespace: str, name: str, data: dict[str, bytes], version: str
    ) -> None:
        """Makes it where version is empty. Raises ApiException 409 where another was first."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        body: Any = {"metadata": {"name": name}, "type": "Opaque", "data": encoded}
        if not version:
            create = self._core.create_namespaced_secret_without_preload_content
            await answered(await create(namespace, body))
            return
        body["metadata"]["resourceVersion"] = version
        update = self._core.replace_namespaced_secret_without_preload_content
        await answered(await update(name, namespace, body))

    @bounded
    async def trust_webhook(self, name: str, ca_bundle: bytes) -> bool:
        """Puts the CA bundle into each webhook of the configuration; says whether it changed."""
        configuration = await self._admission.read_mutating_webhook_configuration(name)
        wanted = base64.b64encode(ca_bundle).decode()
        operations: list[dict[str, Any]] = []
        for index, webhook in enumerate(configuration.webhooks or []):
            path = f"/webhooks/{index}"
            if webhook.client_config.ca_bundle != wanted:
                operations += [
                    {"op": "test", "path": f"{path}/name", "value": webhook.name},
                    {"op": "add", "path": f"{path}/clientConfig/caBundle", "value": wanted},
                ]
        if operations:
            await self._admission.patch_mutating_webhook_configuration(
                name, operations, _content_type="application/json-patch+json"
            )
        return bool(operations)


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
