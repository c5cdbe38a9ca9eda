"""Pure: the NetworkPolicies of ours that mode Manage wants.

A policy that selects a pod closes what nobody opened. So ours stand beside those that select a pod
already: each selects only pods that its neighbour selects, and is owned by it. With the neighbour
gone Kubernetes collects ours, too, even where no operator runs: alone, it would cut the app off.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from hotupgrade_api import resource
from hotupgrade_api.resource import LABEL_NAME, NetworkPolicyMode
from hotupgrade_operator.connection import Verdict
from hotupgrade_operator.label_selector import LabelSelector
from hotupgrade_operator.network_policy import (
    API_VERSION,
    KIND,
    Direction,
    EgressRule,
    IngressRule,
    IPBlock,
    Metadata,
    OwnerReference,
    Peer,
    Policy,
    Port,
    Spec,
)
from hotupgrade_operator.network_view import DNS_PORT, NetworkView

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "hotupgrade"
NAME_LENGTH = 200  # of the HotUpgrade's; the whole may have 253 characters


def owner_of(policy: Policy) -> str:
    """The name of the HotUpgrade that one of ours was made for; empty: it is somebody else's."""
    labels = policy.metadata.labels
    return labels.get(LABEL_NAME, "") if labels.get(MANAGED_BY) == MANAGER else ""


def is_ours(policy: Policy, hot_upgrade: str) -> bool:
    return owner_of(policy) == hot_upgrade


def wanted(
    hot_upgrade: str,
    asked: resource.NetworkPolicy,
    view: NetworkView,
    fetching: frozenset[str],
    operator: Peer,
) -> tuple[Policy, ...]:
    """fetching: the pods that fetch, or are about to. operator: its pods, as policies name them."""
    if asked.mode is not NetworkPolicyMode.MANAGE:
        return ()
    ingress = Spec(
        ingress=(IngressRule(peers=(operator,), ports=(Port(port=view.agent_port),)),),
        policy_types=(Direction.INGRESS,),
    )
    egress = Spec(egress=tuple(_egress(asked, view)), policy_types=(Direction.EGRESS,))
    found = [
        _beside(neighbour, hot_upgrade, ingress)
        for neighbour in _neighbours(view, _unreachable(view), Direction.INGRESS)
    ]
    if egress.egress:
        found += [
            _beside(neighbour, hot_upgrade, egress)
            for neighbour in _neighbours(view, _cut_off(view, fetching), Direction.EGRESS)
        ]
    return tuple(found)


def _egress(asked: resource.NetworkPolicy, view: NetworkView) -> Iterator[EgressRule]:
    if view.host is not None and not view.host.address:
        yield EgressRule(ports=(Port("UDP", DNS_PORT), Port("TCP", DNS_PORT)))
    for rule in asked.egress:
        ports = tuple(Port(port.protocol, port.port) for port in rule.ports)
        yield EgressRule(peers=(_peer(rule),), ports=ports)


def _peer(rule: resource.EgressRule) -> Peer:
    """Without labels of a namespace, pods of the HotUpgrade's own are meant."""
    if rule.cidr:
        return Peer(ip_block=IPBlock(rule.cidr))
    return Peer(
        pod_selector=LabelSelector(rule.pod_labels) if rule.pod_labels else None,
        namespace_selector=LabelSelector(rule.namespace_labels) if rule.namespace_labels else None,
    )


def _unreachable(view: NetworkView) -> list[str]:
    return [
        pod
        for pod in view.pods
        if view.agent_path(pod).judge(view.policies).verdict is not Verdict.YES
    ]


def _cut_off(view: NetworkView, fetching: frozenset[str]) -> list[str]:
    return [
        pod
        for pod in view.pods
        if pod in fetching
        and any(p.judge(view.policies).verdict is not Verdict.YES for p in view.fetch_paths(pod))
    ]


def _neighbours(view: NetworkView, pods: list[str], direction: Direction) -> list[Policy]:
    """Every one that selects one of the pods: while one of them stays, ours beside it does."""
    found = {p.metadata.uid: p for pod in pods for p in view.isolating(pod, direction)}
    return list(found.values())


def _beside(neighbour: Policy, hot_upgrade: str, opening: Spec) -> Policy:
    """Its name says what is in it: another content is another policy, made before the old one
    goes."""
    near = neighbour.spec.pod_selector
    selector = msgspec.structs.replace(
        near, match_labels={**near.match_labels, LABEL_NAME: hot_upgrade}
    )
    spec = msgspec.structs.replace(opening, pod_selector=selector)
    owner = OwnerReference(API_VERSION, KIND, neighbour.metadata.name, neighbour.metadata.uid)
    content = msgspec.json.encode((spec, owner), order="sorted")
    digest = hashlib.sha256(content).hexdigest()[:10]
    direction = spec.policy_types[0].lower()
    return Policy(
        Metadata(
            namespace=neighbour.metadata.namespace,
            name=f"hotupgrade-{hot_upgrade[:NAME_LENGTH]}-{direction}-{digest}",
            labels={MANAGED_BY: MANAGER, LABEL_NAME: hot_upgrade},
            owner_references=(owner,),
        ),
        spec,
    )
