"""Pure: whether NetworkPolicies let a connection pass.

What they mean is said in their API reference and at
https://kubernetes.io/docs/concepts/services-networking/network-policies/.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from hotupgrade_operator.network_policy import Direction, Peer, Policy, Port


class Verdict(IntEnum):
    """MAYBE: it depends on what reading the policies cannot tell, as where a name leads to."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True)
class NamedPort:
    name: str
    number: int
    protocol: str = "TCP"


@dataclass(frozen=True)
class PodEnd:
    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[NamedPort, ...] = ()


@dataclass(frozen=True)
class End:
    """One end of a connection. No pod: a Service, or outside the cluster. Nothing: a host name."""

    address: str = ""
    pod: PodEnd | None = None


@dataclass(frozen=True)
class Connection:
    source: End
    destination: End
    port: int
    protocol: str = "TCP"


@dataclass(frozen=True)
class Judgement:
    """shut_by: the policies that select an end, where none of them surely lets it pass."""

    verdict: Verdict
    shut_by: tuple[Policy, ...] = ()


def judge(connection: Connection, policies: Iterable[Policy]) -> Judgement:
    """Policies add up: at either end, one that lets it pass is enough, and none where no policy
    selects that end in that direction."""
    known = tuple(policies)
    sides = (
        _side(connection, connection.source, Direction.EGRESS, known),
        _side(connection, connection.destination, Direction.INGRESS, known),
    )
    verdict = min(side.verdict for side in sides)
    return Judgement(verdict, tuple(policy for side in sides for policy in side.shut_by))


def _side(
    connection: Connection, end: End, direction: Direction, policies: tuple[Policy, ...]
) -> Judgement:
    pod = end.pod
    if pod is None:
        return Judgement(Verdict.YES)  # no policy can select it
    selecting = tuple(
        policy for policy in policies if policy.isolates(pod.namespace, pod.labels, direction)
    )
    if not selecting:
        return Judgement(Verdict.YES)
    other = connection.destination if direction is Direction.EGRESS else connection.source
    verdict = max(
        (
            min(_peers(rule.peers, other, policy), _ports(rule.ports, connection))
            for policy in selecting
            for rule in policy.rules(direction)
        ),
        default=Verdict.NO,
    )
    return Judgement(verdict, () if verdict is Verdict.YES else selecting)


def _peers(peers: tuple[Peer, ...], other: End, policy: Policy) -> Verdict:
    """None at all: everybody."""
    return max((_peer(peer, other, policy) for peer in peers), default=Verdict.YES)


def _peer(peer: Peer, other: End, policy: Policy) -> Verdict:
    if peer.ip_block is not None:
        if not other.address:
            return Verdict.MAYBE
        if not peer.ip_block.holds(other.address):
            return Verdict.NO
        # Whether a block of addresses means pods, too, is left to the network plugin.
        return Verdict.MAYBE if other.pod else Verdict.YES
    if other.pod is None:
        return Verdict.MAYBE  # an address may be a Service's, which leads to pods
    if peer.namespace_selector is None:
        near = policy.metadata.namespace == other.pod.namespace
    else:
        near = peer.namespace_selector.matches(other.pod.namespace_labels)
    selected = peer.pod_selector is None or peer.pod_selector.matches(other.pod.labels)
    return Verdict.YES if near and selected else Verdict.NO


def _ports(ports: tuple[Port, ...], connection: Connection) -> Verdict:
    """None at all: every port."""
    return max((_port(port, connection) for port in ports), default=Verdict.YES)


def _port(port: Port, connection: Connection) -> Verdict:
    if port.protocol != connection.protocol:
        return Verdict.NO
    if port.port is None:
        return Verdict.YES
    if isinstance(port.port, int):
        within = port.port <= connection.port <= (port.end_port or port.port)
        return Verdict.YES if within else Verdict.NO
    if connection.destination.pod is None:
        return Verdict.MAYBE
    named = NamedPort(port.port, connection.port, port.protocol)
    return Verdict.YES if named in connection.destination.pod.ports else Verdict.NO
