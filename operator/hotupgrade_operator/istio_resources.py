"""Pure: Istio's resources in the few fields that matter here, and our record on a VirtualService.

The record holds what is given back at the end: an operator that was killed, or whose HotUpgrade was
deleted meanwhile, needs no more than that. One VirtualService may serve several HotUpgrades.
"""

from collections.abc import Mapping

import msgspec

GROUP, VERSION = "networking.istio.io", "v1"
SERVICES, RULES = "virtualservices", "destinationrules"
STABLE, CANARY = "stable", "canary"  # the subsets' names
ANNOTATION = "hotupgrade.io/traffic"


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] = {}


class Destination(msgspec.Struct, frozen=True):
    host: str = ""
    subset: str = ""


class WeightedDestination(msgspec.Struct, frozen=True):
    destination: Destination = Destination()
    weight: int | None = None


class HttpRoute(msgspec.Struct, frozen=True):
    name: str = ""
    route: tuple[WeightedDestination, ...] = ()


class ServiceSpec(msgspec.Struct, frozen=True):
    http: tuple[HttpRoute, ...] = ()


class VirtualService(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: ServiceSpec = ServiceSpec()


class Subset(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] | None = None


class RuleSpec(msgspec.Struct, frozen=True):
    subsets: tuple[Subset, ...] | None = None


class DestinationRule(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: RuleSpec = RuleSpec()


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """weights: by the route's name, those of stable and of canary as they were; None: not set."""

    destination_rule: str
    weights: dict[str, tuple[int | None, int | None]]


def records(service: VirtualService) -> Mapping[str, Record]:
    """By the HotUpgrade's name. What somebody else wrote there says nothing."""
    raw = service.metadata.annotations.get(ANNOTATION, "{}")
    try:
        return msgspec.json.decode(raw, type=dict[str, Record])
    except msgspec.DecodeError:
        return {}


def written(found: Mapping[str, Record]) -> str:
    return msgspec.json.encode(found, order="sorted").decode()
