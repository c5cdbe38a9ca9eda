"""What was observed of the routes of one HotUpgrade: frozen."""

from dataclasses import dataclass

from hotupgrade_operator.istio_resources import DestinationRule, VirtualService


@dataclass(frozen=True)
class Routed:
    """A VirtualService, and the DestinationRule of its subsets. settled: unchanged, in what matters
    here, for as long as proxies need to learn of it."""

    service: VirtualService
    rule: DestinationRule | None
    settled_service: bool = True
    settled_rule: bool = True


@dataclass(frozen=True)
class TrafficView:
    """routed: the one that the spec names, and every one that still has our record."""

    named: Routed | None = None
    routed: tuple[Routed, ...] = ()
    settled_pods: frozenset[str] = frozenset()  # names; their labels and readiness are known
    problem: str = ""  # why it could not be looked at


NOTHING = TrafficView()
