"""IO: the policies of the pods' namespace, and what they make matter, become a NetworkView."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hotupgrade_api.artifact_host import Host
from hotupgrade_api.pod_layout import AGENT_CONTAINER
from hotupgrade_operator.connection import End
from hotupgrade_operator.network_policy import Policy
from hotupgrade_operator.network_policy_cluster import NetworkPolicies, end_of
from hotupgrade_operator.network_view import UNKNOWN, NetworkView
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.own_policies import is_ours
from hotupgrade_operator.pods import Pod
from hotupgrade_operator.settings import Settings

DNS_NAMESPACE, DNS_PODS = "kube-system", "k8s-app=kube-dns"  # of kubeadm, and of most others


@dataclass(frozen=True)
class _Surroundings:
    """What is around the pods, as far as their policies make it matter. labels: of their
    namespace."""

    policies: tuple[Policy, ...]
    operator: End
    source: End
    dns: tuple[End, ...]
    labels: Mapping[str, str]


class NetworkObserver:
    def __init__(self, cluster: NetworkPolicies, settings: Settings) -> None:
        self._cluster = cluster
        self._settings = settings

    async def view(self, seen: Observation, host: Host | None, pods: Sequence[Pod]) -> NetworkView:
        """host: that the artifact comes from. Nothing but the pods' own policies is read where none
        of them selects a pod."""
        policies = await self._cluster.of(seen.namespace)
        view = NetworkView(
            policies=tuple(p for p in policies if not is_ours(p, seen.name)),
            own=tuple(p for p in policies if is_ours(p, seen.name)),
            pods={
                pod.metadata.name: end_of(pod, {})
                for pod in pods
                if pod.has_init_container(AGENT_CONTAINER)
                and pod.status.pod_ip
                and not pod.metadata.deletion_timestamp
            },
            agent_port=self._settings.agent_port,
            host=host,
        )
        if not view.isolated:
            return view
        found = await self._surroundings(seen.namespace, view.host)
        others = tuple(p for p in found.policies if p.metadata.namespace != seen.namespace)
        return replace(
            view,
            policies=view.policies + others,
            pods={name: _in(end, found.labels) for name, end in view.pods.items()},
            operator=found.operator,
            source=found.source,
            dns=found.dns,
        )

    async def _surroundings(self, namespace: str, host: Host | None) -> _Surroundings:
        """Both ends of a path may be shut: the policies of the other one count, too."""
        own = await self._cluster.named(self._settings.namespace, self._settings.pod_name)
        source = await self._cluster.at(host.address) if host and host.address else ()
        dns: tuple[Pod, ...] = ()
        if host and not host.address:
            dns = await self._cluster.selected(DNS_NAMESPACE, DNS_PODS)
        spaces = sorted({namespace, *(pod.metadata.namespace for pod in (*own, *source, *dns))})
        labels = dict(
            zip(
                spaces,
                await asyncio.gather(*(self._cluster.namespace_labels(s) for s in spaces)),
                strict=True,
            )
        )
        policies = await asyncio.gather(*(self._cluster.of(space) for space in spaces))

        def ends(found: Sequence[Pod]) -> tuple[End, ...]:
            return tuple(end_of(pod, labels[pod.metadata.namespace]) for pod in found)

        return _Surroundings(
            policies=tuple(policy for some in policies for policy in some),
            operator=next(iter(ends(own)), UNKNOWN),
            source=next(iter(ends(source)), End(host.address if host else "")),
            dns=ends(dns),
            labels=labels[namespace],
        )


def _in(end: End, namespace_labels: Mapping[str, str]) -> End:
    return replace(end, pod=end.pod and replace(end.pod, namespace_labels=namespace_labels))
