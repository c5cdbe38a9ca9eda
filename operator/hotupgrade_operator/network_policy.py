"""Pure: the types of networking.k8s.io/v1 NetworkPolicies, and whom one selects."""

import ipaddress
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hotupgrade_operator.label_selector import LabelSelector

API_VERSION = "networking.k8s.io/v1"
KIND = "NetworkPolicy"


class Direction(StrEnum):
    INGRESS = "Ingress"
    EGRESS = "Egress"


class IPBlock(msgspec.Struct, frozen=True, omit_defaults=True):
    cidr: str
    excluded: tuple[str, ...] = msgspec.field(default=(), name="except")

    def holds(self, address: str) -> bool:
        return _within(address, self.cidr) and not any(_within(address, e) for e in self.excluded)


class Peer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Exactly one of ip_block and the selectors; both selectors: pods in such namespaces."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = msgspec.field(default=None, name="ipBlock")


class Port(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """port: a number, a name of the destination's container ports, or None for all of them."""

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class IngressRule(msgspec.Struct, frozen=True, omit_defaults=True):
    peers: tuple[Peer, ...] = msgspec.field(default=(), name="from")
    ports: tuple[Port, ...] = ()


class EgressRule(msgspec.Struct, frozen=True, omit_defaults=True):
    peers: tuple[Peer, ...] = msgspec.field(default=(), name="to")
    ports: tuple[Port, ...] = ()


class Spec(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[Direction, ...] = ()
    ingress: tuple[IngressRule, ...] = ()
    egress: tuple[EgressRule, ...] = ()


class OwnerReference(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    name: str
    uid: str


class Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    namespace: str
    name: str
    uid: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_timestamp: str = ""


class Policy(msgspec.Struct, frozen=True):
    metadata: Metadata
    spec: Spec = Spec()

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Left out, they are Ingress, and Egress where there are rules for it."""
        egress = (Direction.EGRESS,) if self.spec.egress else ()
        return self.spec.policy_types or (Direction.INGRESS, *egress)

    def isolates(self, namespace: str, labels: Mapping[str, str], direction: Direction) -> bool:
        """Whether what it does not allow is shut for such a pod, where no other allows it."""
        return (
            direction in self.directions
            and self.metadata.namespace == namespace
            and self.spec.pod_selector.matches(labels)
        )

    def rules(self, direction: Direction) -> tuple[IngressRule | EgressRule, ...]:
        return self.spec.ingress if direction is Direction.INGRESS else self.spec.egress


def _within(address: str, cidr: str) -> bool:
    """Of the same family, too."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)
