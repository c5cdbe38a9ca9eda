"""IO: NetworkPolicies, and whom they select: read from the API server, made and deleted there."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from kubernetes.aio import client

from hotupgrade_operator.api_answer import answered, bounded
from hotupgrade_operator.api_watch import WATCH_SECONDS, events
from hotupgrade_operator.connection import End, NamedPort, PodEnd
from hotupgrade_operator.network_policy import API_VERSION, KIND, Policy
from hotupgrade_operator.pods import Pod

MOST_PODS = 50  # of the cluster's DNS: one that may be reached is enough
NOT_FOUND, CONFLICT = 404, 409


class _Policies(msgspec.Struct):
    items: tuple[Policy, ...] = ()


class _Pods(msgspec.Struct):
    items: tuple[Pod, ...] = ()


class _Labels(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class _Namespace(msgspec.Struct):
    metadata: _Labels = _Labels()


class NetworkPolicies:
    def __init__(self, api: client.ApiClient) -> None:
        self._networking = client.NetworkingV1Api(api)
        self._core = client.CoreV1Api(api)

    @bounded
    async def of(self, namespace: str) -> tuple[Policy, ...]:
        """Those that are not on their way out."""
        read = self._networking.list_namespaced_network_policy_without_preload_content
        return _staying(await answered(await read(namespace)))

    async def changes(self) -> AsyncIterator[Policy]:
        """Each policy that there is, in every namespace, then each as it is made, changed or
        deleted, until the API server ends it. Raises WatchEnded or ApiException."""
        read = self._networking.list_network_policy_for_all_namespaces_without_preload_content
        response = await read(
            watch=True, timeout_seconds=WATCH_SECONDS, _request_timeout=WATCH_SECONDS + 30
        )
        async for event in events(response):
            yield msgspec.json.decode(event.object, type=Policy)

    @bounded
    async def make(self, policy: Policy) -> None:
        """One that is there already is the same: its name says its content."""
        wanted: Any = {"apiVersion": API_VERSION, "kind": KIND, **msgspec.to_builtins(policy)}
        create = self._networking.create_namespaced_network_policy_without_preload_content
        try:
            await answered(await create(policy.metadata.namespace, wanted))
        except client.ApiException as error:
            if error.status != CONFLICT:
                raise

    @bounded
    async def delete(self, policy: Policy) -> None:
        """That object and no other of its name."""
        wanted: Any = {"preconditions": {"uid": policy.metadata.uid}}
        delete = self._networking.delete_namespaced_network_policy_without_preload_content
        try:
            await answered(
                await delete(policy.metadata.name, policy.metadata.namespace, body=wanted)
            )
        except client.ApiException as error:
            if error.status not in (NOT_FOUND, CONFLICT):  # it is gone, or was made anew
                raise

    @bounded
    async def namespace_labels(self, name: str) -> dict[str, str]:
        """None of them where there is no such namespace."""
        try:
            raw = await answered(await self._core.read_namespace_without_preload_content(name))
        except client.ApiException as error:
            if error.status == NOT_FOUND:
                return {}
            raise
        return msgspec.json.decode(raw, type=_Namespace).metadata.labels

    @bounded
    async def selected(self, namespace: str, labels: str) -> tuple[Pod, ...]:
        """The first pods of a namespace that a label selector means."""
        read = self._core.list_namespaced_pod_without_preload_content
        raw = await answered(await read(namespace, label_selector=labels, limit=MOST_PODS))
        return msgspec.json.decode(raw, type=_Pods).items

    @bounded
    async def named(self, namespace: str, name: str) -> tuple[Pod, ...]:
        """One or none."""
        read = self._core.list_namespaced_pod_without_preload_content
        raw = await answered(await read(namespace, field_selector=f"metadata.name={name}"))
        return msgspec.json.decode(raw, type=_Pods).items

    @bounded
    async def at(self, address: str) -> tuple[Pod, ...]:
        """The pods that have this address: one, or those that ended and had it before it."""
        read = self._core.list_pod_for_all_namespaces_without_preload_content
        raw = await answered(await read(field_selector=f"status.podIP={address}"))
        return tuple(pod for pod in msgspec.json.decode(raw, type=_Pods).items if pod.started)


def end_of(pod: Pod, namespace_labels: dict[str, str]) -> End:
    """A pod of the node's own network is the node: no policy selects it."""
    if pod.spec.host_network:
        return End(pod.status.pod_ip)
    containers: Sequence[Any] = (*pod.spec.init_containers, *pod.spec.containers)
    ports = tuple(
        NamedPort(port.name, port.container_port, port.protocol)
        for container in containers
        for port in container.ports
        if port.name
    )
    found = PodEnd(pod.metadata.namespace, pod.metadata.labels, namespace_labels, ports)
    return End(pod.status.pod_ip, found)


def _staying(raw: bytes) -> tuple[Policy, ...]:
    found = msgspec.json.decode(raw, type=_Policies).items
    return tuple(policy for policy in found if not policy.metadata.deletion_timestamp)
