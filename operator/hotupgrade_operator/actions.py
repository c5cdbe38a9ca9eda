"""What a plan may ask for: one frozen type an action, named for what is done."""

from dataclasses import dataclass

from hotupgrade_operator.observation import PodObservation
from hotupgrade_operator.target import Target
from hotupgrade_operator.traffic_istio import Patch


@dataclass(frozen=True)
class StartUpgrade:
    """PUT an upgrade to the pod's agent."""

    pod: PodObservation
    id: str
    target: Target
    hold: bool


@dataclass(frozen=True)
class SetWeight:
    """PUT a weight: the pod holds, and the current step asks for another share."""

    pod: PodObservation
    id: str
    revision: str
    weight: int


@dataclass(frozen=True)
class Promote:
    """POST promote: the upgrade is over, and the pod needs its old process no more."""

    pod: PodObservation
    id: str
    revision: str


@dataclass(frozen=True)
class TakeBack:
    """POST a rollback: an upgrade to another revision is in the way."""

    pod: PodObservation
    id: str
    revision: str
    message: str


@dataclass(frozen=True)
class PublishRevision:
    """Label and annotate the pod with what it runs."""

    pod: PodObservation
    revision: str
    version: str


@dataclass(frozen=True)
class Adopt:
    """PUT the owner: the HotUpgrade was made after the pod, or was deleted and made anew."""

    pod: PodObservation


@dataclass(frozen=True)
class PushTrust:
    """PUT the CA bundle: it was rotated since the pod got its own."""

    pod: PodObservation


@dataclass(frozen=True)
class Roll:
    """PATCH the pod template's annotation: the workload replaces its pods its own way."""

    token: str


@dataclass(frozen=True)
class MoveTraffic:
    """PATCH a VirtualService's weights, or what a DestinationRule's subsets select."""

    patch: Patch


PodAction = StartUpgrade | SetWeight | Promote | TakeBack | PublishRevision | Adopt | PushTrust
Action = PodAction | Roll | MoveTraffic
